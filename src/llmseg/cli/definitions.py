"""Finds the source of a class or function by walking folders from its top-level package, following re-exports."""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llmseg.cli.hints import hint
from llmseg.errors import ConfigError

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# Modules whose text has one of these may define names that no static reading can see.
_DYNAMIC = ("__getattr__", "globals()", "sys.modules", "setattr(", "exec(", "vars()")


@dataclass(frozen=True)
class Module:
    """A module and the file of its source text."""

    name: str
    file: Path

    @property
    def package(self) -> str:
        """Name of the package that its relative imports start from."""
        return self.name if self.file.name == "__init__.py" else self.name.rpartition(".")[0]


class UnknownError(Exception):
    """The target's signature cannot be read from source."""


def locate(target: str) -> tuple[Module, Definition]:
    """Split a dotted path at the last part that is a module and find the definition of the rest there."""
    parts = target.split(".")
    if _find_module(parts[0]) is None:
        if not parts[0] or importlib.util.find_spec(parts[0]) is None:
            raise ConfigError(f"{target}: no module named {parts[0]} is installed")
        raise UnknownError(target)
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
        raise UnknownError(target)
    raise UnknownError(target)


@cache
def _find_module(name: str) -> Module | None:
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
        return Module(name, Path(str(spec.origin))) if is_source else None
    for folder in map(Path, spec.submodule_search_locations):
        path = folder.joinpath(*rest)
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file() and (rest or file.name == "__init__.py"):
                return Module(name, file)
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
        raise UnknownError(str(file)) from error

    def flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            yield node
            if isinstance(node, ast.If | ast.Try | ast.With):
                for part in ("body", "orelse", "finalbody"):
                    yield from flat(getattr(node, part, []))
                for handler in getattr(node, "handlers", []):
                    yield from flat(handler.body)

    return tuple(flat(tree.body))


def _origin(module: Module, node: ast.ImportFrom) -> Module | None:
    """Return the module that a `from ... import` statement reads."""
    name = node.module or ""
    if node.level:
        base = module.package.split(".")[: len(module.package.split(".")) - node.level + 1]
        name = ".".join([*base, name] if name else base)
    return _find_module(name) if name else None


def _find(module: Module, name: str, seen: frozenset[tuple[str, str]]) -> tuple[Module, Definition] | None:
    """Find a class or function by its name in a module, through re-exports, star imports and plain aliases.

    Returns None where the module's text does not have the name; raises UnknownError where it is bound in a way that
    cannot be followed.
    """
    if (module.name, name) in seen:
        return None
    seen = seen | {(module.name, name)}
    stars: list[ast.ImportFrom] = []
    found: tuple[Module, Definition] | None = None
    for node in _statements(module.file):
        if isinstance(node, Definition) and node.name == name:
            found = module, node
        elif isinstance(node, ast.ImportFrom):
            stars += [node] if node.names[0].name == "*" else []
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    found = sure(_origin(module, node), alias.name, seen)
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            if not isinstance(node.value, ast.Name):  # computed
                raise UnknownError(name)
            found = sure(module, node.value.id, seen)
        elif isinstance(node, ast.Import) and any((a.asname or a.name) == name for a in node.names):
            raise UnknownError(name)
    for star in stars if found is None else []:
        origin = _origin(module, star)
        found = found or (_find(origin, name, seen) if origin else None)
    if found is None and _find_module(f"{module.name}.{name}") is not None:
        raise UnknownError(name)  # a submodule, not something to call
    return found


def sure(module: Module | None, name: str, seen: frozenset[tuple[str, str]] = frozenset()) -> tuple[Module, Definition]:
    """Find a name that the module refers to itself, so that it must be somewhere."""
    found = _find(module, name, seen) if module is not None else None
    if found is None:
        raise UnknownError(name)
    return found


def _public_names(module: Module) -> set[str]:
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


def _is_static(module: Module) -> bool:
    """Tell whether a name that the module's text does not have is certainly missing."""
    if any(word in _source(module.file) for word in _DYNAMIC):
        return False
    stars = [n for n in _statements(module.file) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
    origins = [_origin(module, star) for star in stars]
    return all(origin is not None and _is_static(origin) for origin in origins)


def resolve(module: Module, dotted: str) -> tuple[Module, Definition]:
    """Find the class that an expression such as `nn.Module` names inside a module."""
    head, *rest = dotted.split(".")
    if not rest:
        return sure(module, head)
    for node in _statements(module.file):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.split(".")[0]) == head:
                    return locate(".".join([alias.name if alias.asname else head, *rest]))
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            for alias in node.names:
                if (alias.asname or alias.name) == head and origin is not None:
                    return locate(".".join([origin.name, alias.name, *rest]))
    raise UnknownError(dotted)
