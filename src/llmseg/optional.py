"""Packages that only some choices need: they are looked for on use, and the error says what to install."""

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llmseg.errors import UserError


def require(module: str, wanted_by: str, package: str | None = None, install: str = "'llmseg[knowledge]'") -> None:
    """Refuse to go on without a package.

    Args:
        module: its name in Python.
        wanted_by: the key and value that need it.
        package: its name in the registry, where that is another.
        install: what `pip install` takes.

    Raises:
        UserError: it is not installed.
    """
    if not has(module):
        raise UserError(f"{wanted_by} needs the package {package or module}: pip install {install}")


def has(*modules: str) -> bool:
    """Whether all of these can be imported; none of them is."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def folder_of(module: str) -> Path:
    """Folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def version_of(package: str) -> str:
    """Version of an installed package, or `unknown`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
