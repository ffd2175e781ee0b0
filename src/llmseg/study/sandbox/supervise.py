"""Runs one command in one box from outside: starts it, watches it, ends it, and takes its files."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmseg.errors import UserError
from llmseg.study.sandbox import results, system_calls, user, view
from llmseg.study.sandbox.box import Box, Limits, Outcome, Stopped, check
from llmseg.study.sandbox.processes import kill, tasks_of_user, usage
from llmseg.study.sandbox.streams import Streams
from llmseg.study.sandbox.watch import Watch
from llmseg.study.sandbox.ways import Way, enter, plain

_MB = 1 << 20
_RESERVED = 4096 * _MB  # address space that PyTorch reserves on import and does not use
_SIGNALS: dict[int, Stopped] = {128 + signal.SIGXCPU: "cpu", 128 + signal.SIGXFSZ: "disk"}


@dataclass(frozen=True)
class Started:
    """A box with a command in it.

    Attributes:
        process: the outermost, on the host.
        folders: file descriptors of the writable folders, the working folder first; they stay readable after the end.
        isolated: whether it is in namespaces of its own.
    """

    process: subprocess.Popen[bytes]
    folders: list[int]
    isolated: bool


def run_with(way: Way, command: Sequence[str], box: Box) -> Outcome:
    """Run a command in a box made in a given way.

    Raises:
        UserError: where the box cannot be made as it is described.
    """
    check(box)
    with (
        tempfile.TemporaryDirectory(prefix="box-", ignore_cleanup_errors=True) as scratch,
        _start(way, command, box, Path(scratch)) as started,
    ):
        return _supervise(started, box)


@contextlib.contextmanager
def _start(way: Way, command: Sequence[str], box: Box, scratch: Path) -> Iterator[Started]:
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile("w+") as file:
        argv = _write_orders(file, way, command, box, scratch, theirs.fileno())
        process = subprocess.Popen(
            argv,
            env={},  # what starts the box is visible inside as the first process: it must have nothing to hide
            cwd="/",
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        folders: list[int] = []
        try:
            theirs.close()
            folders = _wait_until_ready(ours, process)
            yield Started(process, folders, way is not plain)
        finally:
            _end(process, way is not plain)
            for folder in folders:
                os.close(folder)
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()


def _wait_until_ready(channel: socket.socket, process: subprocess.Popen[bytes]) -> list[int]:
    """Return file descriptors of the box's writable folders, which the last step sends.

    Raises:
        UserError: where the box could not be made.
    """
    channel.settimeout(60)
    try:
        message, folders, _, _ = socket.recv_fds(channel, 16, len(view.WRITABLE), socket.MSG_CMSG_CLOEXEC)
    except TimeoutError:
        raise UserError("the sandbox did not start within a minute") from None
    if message != b"ready":
        raise UserError(f"the sandbox did not start: {_complaint(process)}")
    return folders


def _write_orders(file: Any, way: Way, command: Sequence[str], box: Box, scratch: Path, channel: int) -> list[str]:
    """Write what all steps need to know into a file at its start; return the command of the first step."""
    isolated = way is not plain
    uid = user.private_uid() if isolated else None
    shape = _seen(box, scratch, uid) if isolated else _shared(box, scratch)
    places = view.WRITABLE if isolated else (str(scratch / "work"), str(scratch / "box"))
    home, temporary = (view.HOME, view.TEMPORARY) if isolated else (str(scratch / "box/home"), str(scratch / "box/tmp"))
    program = (system_calls.program() or b"") if isolated else b""
    orders = {
        "supervisor": os.getpid(),
        "uid": uid,
        "socket": channel,
        "command": [shape.python if command[0] == "python" else command[0], *command[1:]],
        "files": dict(box.files),
        "work": places[0],
        "writable": places,
        "owned": [*places, home, temporary],
        "environment": _environment(shape.python, home, temporary),
        "limits": _limits(box.limits, isolated),
        "filter": program.hex(),
        "size": box.limits.total_mb * _MB,
        "root": str(scratch / "root"),
        "folders": shape.folders,
        "shown": shape.shown,
        "hidden": shape.hidden,
        "links": shape.links,
        "enter": enter(shape.python),
    }
    (scratch / "root").mkdir()
    json.dump(orders, file)
    file.flush()
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    return way(orders, shape)


def _seen(box: Box, scratch: Path, uid: int | None) -> view.View:
    user_and_group = (os.getuid(), os.getgid()) if uid is None else (uid, uid)
    return view.look(scratch, *user_and_group, box.inputs, others=uid is not None)


def _shared(box: Box, scratch: Path) -> view.View:
    """Make a working folder on the host, where the inputs are links."""
    (scratch / "work").mkdir()
    for name, folder in box.inputs.items():
        (scratch / "work" / name).symlink_to(folder.resolve())
    return view.View((), (), (), sys.executable)


def _environment(python: str, home: str, temporary: str) -> dict[str, str]:
    threads = os.environ.get("OMP_NUM_THREADS") or str(len(os.sched_getaffinity(0)))
    path = os.pathsep.join([os.path.dirname(python), "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": home, "TMPDIR": temporary, "LANG": "C.UTF-8", "OMP_NUM_THREADS": threads}


def _limits(limits: Limits, isolated: bool) -> dict[str, int]:
    """Return the kernel's limits for each process, by resource's names."""
    others = 0 if isolated else tasks_of_user()  # outside a box the kernel counts all that the user runs
    return {
        "AS": limits.memory_mb * _MB + _RESERVED,
        "CPU": limits.cpu_seconds,
        "FSIZE": limits.file_mb * _MB,
        "NOFILE": 1024,
        "CORE": 0,
        "NPROC": limits.processes + others,
    }


def _supervise(started: Started, box: Box) -> Outcome:
    process, limits = started.process, box.limits
    assert process.stdout is not None
    assert process.stderr is not None
    streams = Streams(process.stdout, process.stderr, process.pid, limits.output_kb * 1024)
    watch = Watch(process.pid, limits, started.folders, started.isolated, streams)
    try:
        stopped: Stopped | None = None
        while stopped is None and not streams.read(watch.pause()):
            stopped = watch.look()
        seconds = watch.seconds
        largest = _end(process, started.isolated)
        streams.drain(seconds=2)
    finally:
        streams.close()
    code = process.returncode
    stopped = stopped or _SIGNALS.get(code)
    left = results.take(started.folders[0], box.output, box.results, limits.file_mb * _MB, limits.total_mb * _MB)
    return Outcome(
        exit_code=None if stopped else code,
        seconds=seconds,
        stdout=streams.stdout.text(),
        stderr=streams.stderr.text(),
        stopped=stopped,
        truncated=streams.stdout.truncated or streams.stderr.truncated or left,
        peak_mb=max(watch.peak, largest) / _MB,
    )


def _end(process: subprocess.Popen[bytes], isolated: bool) -> int:
    """Kill a process and its descendants; return the bytes of its largest descendant."""
    if process.returncode is not None:
        return 0
    if not isolated:
        os.kill(process.pid, signal.SIGTERM)  # the keeper ends what it keeps, or has done so already
        _wait(process, 5)
    pids = usage(process.pid).pids
    with contextlib.suppress(ProcessLookupError):
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.killpg(process.pid, signal.SIGKILL)
    kill(pid for pid in pids if pid != process.pid)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = _code(status)
    return used.ru_maxrss * 1024


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a process has ended, and leave it to be waited for."""
    end = time.monotonic() + seconds
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() < end:
        time.sleep(0.01)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _complaint(process: subprocess.Popen[bytes]) -> str:
    """Return the last line of what a failed start has said."""
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    lines = (process.stderr.read() or b"").decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
