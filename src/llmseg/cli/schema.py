"""Which keyword arguments a `_target_` takes, read from its source text: nothing is imported, so it costs milliseconds.

What cannot be read this way (C extensions, lazily filled packages, class methods) is unknown: `signature` returns None
and the target goes unchecked until it is built. Where the source is: llmseg.cli.definitions.
"""

import ast
from dataclasses import dataclass
from functools import cache

from llmseg.cli.definitions import Definition, Module, UnknownError, locate, resolve

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


@cache
def signature(target: str) -> Signature | None:
    """Return the keyword arguments of the class or function `target` (dotted path), or None where they are unknown.

    Raises:
        ConfigError: there certainly is no such class or function; the message names the nearest one.
    """
    try:
        return _call_signature(*locate(target))
    except (UnknownError, RecursionError):  # a class whose base has its own name is looked up in itself for ever
        return None


def _call_signature(module: Module, node: Definition) -> Signature:
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
    module: Module, node: ast.ClassDef, own: ast.FunctionDef, names: frozenset[str], keywords: str
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


def _base_signature(module: Module, node: ast.ClassDef) -> Signature:
    """Return the constructor arguments that a class inherits: those of its first base that is not a mere marker."""
    if any("ABCMeta" not in ast.unparse(keyword.value) for keyword in node.keywords):
        return Signature(frozenset(), is_open=True)  # a metaclass may do anything
    for base in node.bases:
        expression = base.value if isinstance(base, ast.Subscript) else base
        dotted = ast.unparse(expression)
        if dotted.rpartition(".")[2] in _NEUTRAL:
            continue
        try:
            return _call_signature(*resolve(module, dotted))
        except UnknownError:
            return Signature(frozenset(), is_open=True)
    return Signature(frozenset())


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
