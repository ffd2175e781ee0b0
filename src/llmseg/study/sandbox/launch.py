"""Makes the box with the kernel's own calls where bubblewrap is not installed: namespaces, mounts, a new root.

A script of the standard library alone, run with an empty environment. Reads from standard input the orders (JSON) that
the last step into the box gets as well. Needs Linux 5.12 (mount_setattr).
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
DIE_WITH_PARENT = 1
NEW_MOUNTS, NEW_CGROUP, NEW_UTS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = (
    0x20000,
    0x2000000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)  # fmt: skip
READ_ONLY, NO_SETUID, NO_DEVICES, NO_EXEC, BIND, RECURSIVE, PRIVATE, DETACH = 1, 2, 4, 8, 4096, 16384, 1 << 18, 2
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000


class MountAttributes(ctypes.Structure):
    """The kernel's struct mount_attr."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


def call(result: int, what: str) -> None:
    """Raise where a call of the C library failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: "str | None", target: str, kind: "str | None", flags: int, options: str = "") -> None:
    """Mount a file system."""
    encode = [None if text is None else text.encode() for text in (source, target, kind)]
    call(LIBC.mount(*encode, ctypes.c_ulong(flags), options.encode()), f"mount {target}")


def restrict(target: str, flags: int, recursive: bool = True) -> None:
    """Add flags to a mount, and to those below it."""
    attributes = MountAttributes(set=flags)
    where = AT_RECURSIVE if recursive else 0
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    result = LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, target.encode(), where, ctypes.byref(attributes), size)
    call(result, f"restrict {target}")


def separate(private_user: bool) -> None:
    """Leave the host's namespaces; without privileges, by way of a user namespace in which the user is itself."""
    uid, gid = os.getuid(), os.getgid()
    flags = NEW_MOUNTS | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET
    call(LIBC.unshare(flags | (0 if private_user else NEW_USER)), "unshare")
    if not private_user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    call(LIBC.sethostname(b"box", 3), "sethostname")


def bind(source: str, target: str, flags: int) -> None:
    """Show a folder or file at another place."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    mount(source, target, None, BIND | RECURSIVE)
    restrict(target, flags)


def make_devices(root: str) -> None:
    """Make /dev with harmless devices only."""
    os.makedirs(f"{root}/dev", exist_ok=True)
    for name in ("null", "zero", "full", "random", "urandom"):
        bind(f"/dev/{name}", f"{root}/dev/{name}", NO_SETUID | NO_EXEC)
    for target, name in (("/proc/self/fd", "fd"), ("fd/0", "stdin"), ("fd/1", "stdout"), ("fd/2", "stderr")):
        os.symlink(target, f"{root}/dev/{name}")


def build(root: str, orders: "dict[str, Any]") -> None:
    """Mount everything that the box sees below a folder, which becomes the root."""
    mount(None, "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", root, "tmpfs", NO_SETUID | NO_DEVICES, "size=16m,mode=0755")
    for folder in orders["folders"]:
        os.makedirs(root + folder, exist_ok=True)
    make_devices(root)
    for folder in orders["writable"]:
        os.makedirs(root + folder, exist_ok=True)
        options = f"size={orders['size']},mode=0755"
        mount("tmpfs", root + folder, "tmpfs", NO_SETUID | NO_DEVICES, options)
    for source, place in orders["shown"]:
        bind(source, root + place, READ_ONLY | NO_SETUID | NO_DEVICES)
    for place in orders["hidden"]:
        mount("tmpfs", root + place, "tmpfs", READ_ONLY | NO_SETUID | NO_DEVICES, "size=4k,mode=0755")
    for target, place in orders["links"]:
        os.symlink(target, root + place)
    os.makedirs(f"{root}/proc", exist_ok=True)
    mount("proc", f"{root}/proc", "proc", NO_SETUID | NO_DEVICES | NO_EXEC)
    restrict(root, READ_ONLY, recursive=False)
    os.chdir(root)
    call(LIBC.pivot_root(b".", b"."), "pivot_root")
    call(LIBC.umount2(b".", DETACH), "umount")
    os.chdir("/")


def fork_and_follow() -> None:
    """Go on in a child; this process waits for it and ends as it ended, or dies and takes it along."""
    child = os.fork()
    if child:
        os.closerange(3, 256)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def main() -> None:
    """Make the box, and run the last step inside."""
    LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    orders = json.load(os.fdopen(os.dup(0)))
    if os.getppid() != orders["supervisor"]:
        sys.exit("the supervisor is gone")
    separate(orders["uid"] is not None)
    fork_and_follow()  # the child is the first process of the new pid namespace
    build(orders["root"], orders)
    os.lseek(0, 0, os.SEEK_SET)
    os.execve(orders["enter"][0], orders["enter"], {})  # noqa: S606 -- no shell is wanted


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(error.strerror or str(error))
