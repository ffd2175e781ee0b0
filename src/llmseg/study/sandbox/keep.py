"""Runs a command without isolation, and ends everything that it started: also daemons, also when the supervisor dies.

A script of the standard library alone. Reads from standard input the orders (JSON) that the last step gets as well.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
DIE_WITH_PARENT, ADOPT_ORPHANS = 1, 36


def children() -> "list[int]":
    """Return this process's children: orphans of its descendants are among them."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


def end_all(*_: object) -> None:
    """Kill all descendants: killed generation after generation, each comes here as an orphan."""
    while found := children():
        for child in found:
            os.kill(child, signal.SIGKILL)
        for child in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def stop(*_: object) -> None:
    """End everything at the supervisor's wish, or at its death."""
    end_all()
    os._exit(128 + signal.SIGTERM)


def main() -> None:
    """Start the last step as a child; wait; end what is left."""
    signal.signal(signal.SIGTERM, stop)
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    LIBC.prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    orders = json.load(os.fdopen(os.dup(0)))
    if os.getppid() != orders["supervisor"]:
        sys.exit("the supervisor is gone")
    os.lseek(0, 0, os.SEEK_SET)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execve(orders["enter"][0], orders["enter"], {})  # noqa: S606 -- no shell is wanted
    os.closerange(3, 256)
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    end_all()
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
