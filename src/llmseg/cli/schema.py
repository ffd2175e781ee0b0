"""Which keyword arguments a `_target_` takes, read from its source text: nothing is imported, so it costs milliseconds.

The source of a class or function is found by walking folders from its top-level package, following re-exports. What
cannot be read this way (C extensions, lazily filled packages, class methods) is unknown: `signature` returns None and
the target goes unchecked until it is built.
"""

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from llmseg.errors import ConfigError

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# Modules whose text has one of these may define names that no static reading can see.
_DYNAMIC = ("__getattr__", "globals()", "sys.modules", "setattr(", "exec(", "vars()")
_LISTED = 25  # names in a message
# Base classes that add no constructor argument; others of the standard library are not followed.
_NEUTRAL = {"ABC", "Generic", "Protocol", "object"}


@dataclass(frozen=True)
class Signature:
    """Keyword arguments of a callable.

    Attributes:
        names: arguments that can be given by name.
        is_open: other names are accepted too, or which ones are cannot be told.
    """

    names: frozenset[str]
    is_open: bool = False


@dataclass(frozen=True)
class _Module:
    name: str
    file: Path

    @property
    def package(self) -> str:
        return self.name if self.file.name == "__init__.py" else self.name.rpartition(".")[0]


class _UnknownError(Exception):
    """The target's signature cannot be read from source."""


def hint(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """Return `, did you mean <prefix><nearest choice>?`, or the list of choices where none is near."""
    known = sorted(set(choices))
    near = get_close_matches(name.lower(), [choice.lower() for choice in known], n=1)
    if near:
        match = next(choice for choice in known if choice.lower() == near[0])
        return f", did you mean {prefix}{match}?"
    listed = [choice for choice in known if not choice.startswith("_")]  # Hydra's own keys help nobody who mistyped
    shown = ", ".join(listed[:_LISTED]) + (", ..." if len(listed) > _LISTED else "")
    return f"; there is {shown}" if shown else ""


@cache
def signature(target: str) -> Signature | None:
    """Return the keyword arguments of the class or function `target` (dotted path), or None where they are unknown.

    Raises:
        ConfigError: there certainly is no such class or function; the message names the nearest one.
    """
    try:
        return _call_signature(*_locate(target))
    except (_UnknownError, RecursionError):  # a class whose base has its own name is looked up in itself for ever
        return None


def _locate(target: str) -> tuple[_Module, Definition]:
    """Split a dotted path at the last part that is a module and find the definition of the rest there."""
    parts = target.split(".")
    if _find_module(parts[0]) is None:
        if not parts[0] or importlib.util.find_spec(parts[0]) is None:
            raise ConfigError(f"{target}: no module named {parts[0]} is installed")
        raise _UnknownError(target)
    for end in range(len(parts) - 1, 0, -1):
        module = _find_module(".".join(parts[:end]))
        if module is None:
            continue
        found = _find(module, parts[end], frozenset())
        if found is not None and end == len(parts) - 1:
            return found
        if found is None and _is_static(module):
            near = hint(parts[end], _public_names(module), prefix=f"{module.name}.")
            raise ConfigError(f"{'.'.join(parts[: end + 1])} does not exist{near}")
        raise _UnknownError(target)
    raise _UnknownError(target)


@cache
def _find_module(name: str) -> _Module | None:
    """Return the source file of a module without importing it or its parents (find_spec of a submodule would)."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # an empty name, or a __main__ without spec
        spec = None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        is_source = not rest and spec.origin is not None and spec.origin.endswith(".py")
        return _Module(name, Path(str(spec.origin))) if is_source else None
    for folder in map(Path, spec.submodule_search_locations):
        path = folder.joinpath(*rest)
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file() and (rest or file.name == "__init__.py"):
                return _Module(name, file)
    return None


@cache
def _source(file: Path) -> str:
    return file.read_text(encoding="utf-8")


@cache
def _statements(file: Path) -> tuple[ast.stmt, ...]:
    """Return the top-level statements, those inside `if`, `try` and `with` included."""
    try:
        tree = ast.parse(_source(file))
    except SyntaxError as error:
        raise _UnknownError(str(file)) from error

    def flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            yield node
            if isinstance(node, ast.If | ast.Try | ast.With):
                for part in ("body", "orelse", "finalbody"):
                    yield from flat(getattr(node, part, []))
                for handler in getattr(node, "handlers", []):
                    yield from flat(handler.body)

    return tuple(flat(tree.body))


def _origin(module: _Module, node: ast.ImportFrom) -> _Module | None:
    """Return the module that a `from ... import` statement reads."""
    name = node.module or ""
    if node.level:
        base = module.package.split(".")[: len(module.package.split(".")) - node.level + 1]
        name = ".".join([*base, name] if name else base)
    return _find_module(name) if name else None


def _find(module: _Module, name: str, seen: frozenset[tuple[str, str]]) -> tuple[_Module, Definition] | None:
    """Find a class or function by its name in a module, through re-exports, star imports and plain aliases.

    Returns None where the module's text does not have the name; raises _UnknownError where it is bound in a way that
    cannot be followed.
    """
    if (module.name, name) in seen:
        return None
    seen = seen | {(module.name, name)}
    stars: list[ast.ImportFrom] = []
    found: tuple[_Module, Definition] | None = None
    for node in _statements(module.file):
        if isinstance(node, Definition) and node.name == name:
            found = module, node
        elif isinstance(node, ast.ImportFrom):
            stars += [node] if node.names[0].name == "*" else []
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    found = _sure(_origin(module, node), alias.name, seen)
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            if not isinstance(node.value, ast.Name):  # computed
                raise _UnknownError(name)
            found = _sure(module, node.value.id, seen)
        elif isinstance(node, ast.Import) and any((a.asname or a.name) == name for a in node.names):
            raise _UnknownError(name)
    for star in stars if found is None else []:
        origin = _origin(module, star)
        found = found or (_find(origin, name, seen) if origin else None)
    if found is None and _find_module(f"{module.name}.{name}") is not None:
        raise _UnknownError(name)  # a submodule, not something to call
    return found


def _sure(
    module: _Module | None, name: str, seen: frozenset[tuple[str, str]] = frozenset()
) -> tuple[_Module, Definition]:
    """Find a name that the module refers to itself, so that it must be somewhere."""
    found = _find(module, name, seen) if module is not None else None
    if found is None:
        raise _UnknownError(name)
    return found


def _public_names(module: _Module) -> set[str]:
    """Return what a module defines or re-exports, and its submodules: candidates for `did you mean`."""
    names: set[str] = set()
    for node in _statements(module.file):
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and module.file.name == "__init__.py":
            names |= {alias.asname or alias.name for alias in node.names}
    if module.file.name == "__init__.py":
        names |= {path.stem for path in module.file.parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    return {name for name in names if not name.startswith("_") and name != "*"}


def _is_static(module: _Module) -> bool:
    """Tell whether a name that the module's text does not have is certainly missing."""
    if any(word in _source(module.file) for word in _DYNAMIC):
        return False
    stars = [n for n in _statements(module.file) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
    origins = [_origin(module, star) for star in stars]
    return all(origin is not None and _is_static(origin) for origin in origins)


def _call_signature(module: _Module, node: Definition) -> Signature:
    if not isinstance(node, ast.ClassDef):
        names, keywords = _arguments(node)
        return Signature(names, is_open=keywords is not None)
    methods = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}  # the last one of overloads
    own = methods.get("__init__") or methods.get("__new__")
    if own is None:
        fields = _dataclass_fields(node)
        bases = _base_signature(module, node)
        return bases if fields is None else Signature(fields | bases.names, bases.is_open)
    names, keywords = _arguments(own)
    names -= {argument.arg for argument in [*own.args.posonlyargs, *own.args.args][:1]}  # self
    return Signature(names) if keywords is None else _forwarded(module, node, own, names, keywords)


def _forwarded(
    module: _Module, node: ast.ClassDef, own: ast.FunctionDef, names: frozenset[str], keywords: str
) -> Signature:
    """Join a constructor's names with its base's only if `**kwargs` really goes to `super().__init__`."""
    for call in ast.walk(own):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"):
            continue
        if any(k.arg is None and isinstance(k.value, ast.Name) and k.value.id == keywords for k in call.keywords):
            base = _base_signature(module, node)
            given = {k.arg for k in call.keywords if k.arg is not None}
            return Signature(names | (base.names - given), base.is_open)
    return Signature(names, is_open=True)


def _base_signature(module: _Module, node: ast.ClassDef) -> Signature:
    """Return the constructor arguments that a class inherits: those of its first base that is not a mere marker."""
    if any("ABCMeta" not in ast.unparse(keyword.value) for keyword in node.keywords):
        return Signature(frozenset(), is_open=True)  # a metaclass may do anything
    for base in node.bases:
        expression = base.value if isinstance(base, ast.Subscript) else base
        dotted = ast.unparse(expression)
        if dotted.rpartition(".")[2] in _NEUTRAL:
            continue
        try:
            return _call_signature(*_resolve(module, dotted))
        except _UnknownError:
            return Signature(frozenset(), is_open=True)
    return Signature(frozenset())


def _resolve(module: _Module, dotted: str) -> tuple[_Module, Definition]:
    """Find the class that an expression such as `nn.Module` names inside a module."""
    head, *rest = dotted.split(".")
    if not rest:
        return _sure(module, head)
    for node in _statements(module.file):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.split(".")[0]) == head:
                    return _locate(".".join([alias.name if alias.asname else head, *rest]))
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            for alias in node.names:
                if (alias.asname or alias.name) == head and origin is not None:
                    return _locate(".".join([origin.name, alias.name, *rest]))
    raise _UnknownError(dotted)


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[frozenset[str], str | None]:
    """Return the names that can be given as keywords and the name of `**kwargs`, if there is one."""
    args = function.args
    names = frozenset(a.arg for a in [*args.args, *args.kwonlyargs])
    return names, args.kwarg.arg if args.kwarg else None


def _dataclass_fields(node: ast.ClassDef) -> frozenset[str] | None:
    """Return the constructor arguments that a dataclass itself adds, or None if it is no dataclass."""
    if not any(ast.unparse(d).partition("(")[0].rpartition(".")[2] == "dataclass" for d in node.decorator_list):
        return None
    return frozenset(
        field.target.id
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and "ClassVar" not in ast.unparse(field.annotation)
        and "init=False" not in (ast.unparse(field.value) if field.value else "")
    )
