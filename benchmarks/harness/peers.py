"""Packages of peers that may be missing."""

import sys
from importlib import import_module
from types import ModuleType


def package(name: str) -> ModuleType | None:
    """The module; None, and a line about it, where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        left_out(error)
        return None


def left_out(why: object) -> None:
    """Say that rows are missing: on the stream that `run.py` passes on."""
    print(f"left out: {why}", file=sys.stderr, flush=True)
