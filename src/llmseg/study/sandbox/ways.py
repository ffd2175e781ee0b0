"""The ways to start a command: in a box made by bubblewrap, in one that we make, or without isolation."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llmseg.study.sandbox.view import WRITABLE, View

HERE = Path(__file__).parent
Orders = Mapping[str, Any]
Way = Callable[[Orders, View], list[str]]


def enter(python: str) -> list[str]:
    """Return the command of the last step; its text is an argument, since its file is not in the box."""
    return [python, "-I", "-S", "-c", (HERE / "enter.py").read_text()]


def bubblewrap(orders: Orders, view: View) -> list[str]:
    """Return a command of bubblewrap, 0.8 or newer, which a distribution keeps free of known holes."""
    command = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--new-session", "--as-pid-1"]
    command += [f"--unshare-{name}" for name in ("pid", "net", "ipc", "uts", "cgroup-try")]
    command += ["--hostname", "box"]
    command += [] if orders["uid"] is not None else ["--unshare-user"]
    for folder in view.folders:
        command += ["--perms", "0755", "--dir", folder]
    command += ["--dev", "/dev"]
    for folder in WRITABLE:
        command += ["--size", str(orders["size"]), "--perms", "0755", "--tmpfs", folder]
    for path, place in view.shown:
        command += ["--ro-bind", path, place]
    for place in view.hidden:
        command += ["--size", "4096", "--perms", "0755", "--tmpfs", place, "--remount-ro", place]
    for target, place in view.links:
        command += ["--symlink", target, place]
    command += ["--proc", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"]
    return [*command, "--", *enter(view.python)]


def namespaces(_: Orders, __: View) -> list[str]:
    """Return our own launcher's command, for machines without bubblewrap."""
    return [sys.executable, "-I", "-S", str(HERE / "launch.py")]


def plain(_: Orders, __: View) -> list[str]:
    """Return the command that runs without isolation."""
    return [sys.executable, "-I", "-S", str(HERE / "keep.py")]


def isolating() -> Iterator[tuple[str, Way]]:
    """Yield the ways that isolate, the preferred first."""
    if shutil.which("bwrap"):
        yield "bubblewrap", bubblewrap
    yield "namespaces", namespaces
