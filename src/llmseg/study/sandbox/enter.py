"""The last step into the box, run inside it by the box's own Python: gives up every right, then becomes the command.

A script of the standard library alone, since the box has no llmseg. Reads its orders (JSON) from standard input.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
DIE_WITH_PARENT, SET_DUMPABLE, SET_SECCOMP, DROP_BOUNDING, NO_NEW_PRIVILEGES = 1, 4, 22, 24, 38
CAPABILITIES_VERSION = 0x20080522


class Filter(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def become(uid: "int | None", owned: "list[str]") -> None:
    """Become the box's user, who owns the writable folders, and drop all capabilities for good."""
    for number in range(64):
        LIBC.prctl(DROP_BOUNDING, number, 0, 0, 0)  # root's; fails where there is none to drop
    for folder in owned:
        os.makedirs(folder, exist_ok=True)
    if uid is not None:
        for folder in owned:
            os.chown(folder, uid, uid)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def write(files: "dict[str, str]") -> None:
    """Write the scripts into the working folder."""
    for name, text in files.items():
        os.makedirs(os.path.dirname(os.path.abspath(name)), exist_ok=True)
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)


def limit(limits: "dict[str, int]") -> None:
    """Set the limits of a process; its children inherit them."""
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(number)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value + 5 if name == "CPU" and hard == resource.RLIM_INFINITY else value))


def refuse_system_calls(program: bytes) -> None:
    """Give up the gain of rights by running a program, and install a filter of system calls, if there is one."""
    LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    code = Filter(len(program) // 8, program)
    if program and LIBC.prctl(SET_SECCOMP, 2, ctypes.byref(code), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def stay_as_first(program: bytes) -> None:
    """Go on in a child; the first process of a box waits for all that end in it, and ends the box with this child.

    It keeps its user, or else the kernel would not let its parent's death kill it. A process of the same user could
    write into it, and so regain what the child gives up: not into one that is undumpable.
    """
    LIBC.prctl(SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the kernel keeps signals without a handler from it
    child = os.fork()
    if not child:
        return
    os.closerange(3, 256)
    LIBC.capset(struct.pack("=Ii", CAPABILITIES_VERSION, 0), bytes(24))
    refuse_system_calls(program)
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def become_command(command: "list[str]", environment: "dict[str, str]") -> None:
    """Replace this process by the command; Python's own handling of signals is not passed on."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, 256)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 -- no shell is wanted
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def main() -> None:
    """Follow the orders, tell the supervisor, and become the command."""
    orders: dict[str, Any] = json.load(os.fdopen(os.dup(0)))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    LIBC.prctl(DIE_WITH_PARENT, 9, 0, 0, 0)
    os.umask(0o022)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where the machine runs out of memory, the box goes first
    program = bytes.fromhex(orders["filter"])
    if os.getpid() == 1:
        stay_as_first(program)
    become(orders["uid"], orders["owned"])
    os.chdir(orders["work"])
    write(orders["files"])
    limit(orders["limits"])
    refuse_system_calls(program)
    with socket.socket(fileno=orders["socket"]) as supervisor:
        folders = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in orders["writable"]]
        socket.send_fds(supervisor, [b"ready"], folders)
    become_command(orders["command"], orders["environment"])


if __name__ == "__main__":
    main()
