"""Programs of an author that wants out. Each prints ESCAPED where it succeeds; braces are filled from `Outside`."""

from typing import NamedTuple


class Outside(NamedTuple):
    """What there is to be had outside of the sandbox."""

    secret: str
    planted: str
    port: int
    parent: int
    token: str


_TRY = """
def attempt(what, do):
    try:
        print("ESCAPED" if do() else "no", what)
    except Exception as error:
        print("refused", what, type(error).__name__)
"""
ATTEMPTS: dict[str, str] = {
    "read a secret file": _TRY + 'attempt("read", lambda: open({secret!r}).read())',
    "read the environment": _TRY
    + """
import glob, os
attempt("own", lambda: "SECRET_TOKEN" in os.environ)
for path in glob.glob("/proc/*/environ"):
    attempt(path, lambda: b"SECRET_TOKEN" in open(path, "rb").read())""",
    "write outside": _TRY + 'attempt("write", lambda: open({planted!r}, "w").write("x"))',
    "climb with dots": _TRY
    + """
import os
attempt("dots", lambda: os.path.exists("../" * 30 + {secret!r}.lstrip("/")))""",
    "a link in the results": """
import os
os.makedirs("predictions", exist_ok=True)
os.symlink({secret!r}, "predictions/out.txt")
os.symlink("/etc", "predictions/folder")""",
    "connect to loopback": _TRY
    + """
import socket
attempt("connect", lambda: socket.create_connection(("127.0.0.1", {port}), 2))""",
    "ask a name server": _TRY
    + """
import socket
attempt("resolve", lambda: socket.getaddrinfo("example.org", 80))""",
    "kill the parent": _TRY
    + """
import os
for number in (15, 9):
    attempt("outer", lambda: os.kill({parent}, number) is None)""",
    "trace the parent": _TRY
    + """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
attempt("attach", lambda: libc.ptrace(16, os.getppid(), 0, 0) == 0)
attempt("memory", lambda: open(f"/proc/{{os.getppid()}}/mem", "r+b"))""",
    "new namespaces and mounts": _TRY
    + """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
attempt("unshare", lambda: libc.unshare(0x10000000) == 0)
attempt("mount", lambda: libc.mount(b"/", b"/box/code", b"", 4096, None) == 0)
attempt("chroot", lambda: libc.chroot(b"/") == 0)""",
    "become root": _TRY
    + """
import os
attempt("setuid", lambda: os.setuid(0) is None and os.path.exists({secret!r}))
attempt("device", lambda: os.mknod("disk", 0o60666, os.makedev(8, 0)) is None)""",
    "a fork bomb": """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass""",
    "a memory hog": """
kept = []
while True:
    kept.append(b"x" * (50 << 20))""",
    "a disk hog": """
with open("predictions_huge", "wb") as file:
    while True:
        file.write(bytes(1 << 20))""",
    "endless output": """
while True:
    print("x" * 100_000)""",
    "a daemon": """
import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", {token!r}[::1]], start_new_session=True)
    os._exit(0)""",
    "deaf to signals, endless": """
import signal, time
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(1)""",
}
"""Name -> program."""
