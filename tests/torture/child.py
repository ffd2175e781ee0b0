"""Processes that are forked from this one, which has imported all that takes long: each can be killed at any moment."""

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_GRACE = 10.0  # seconds in which helpers of a killed process have to end by themselves


@dataclass
class Child:
    """A process of its own session.

    Attributes:
        pid: of the process, which leads the session.
        folder: where its stdout, stderr and result lie.
        began: time of the start.
        code: exit code; negative: the signal that ended it; None: it lives.
        peak_mb: most memory it had, above what it was forked with.
    """

    pid: int
    folder: Path
    began: float = field(default_factory=time.monotonic)
    code: int | None = None
    seconds: float = 0.0

    def kill(self) -> bool:
        """Kill -9; False where it had ended by itself. What it started is left to end with it."""
        if self._poll():
            return False
        os.kill(self.pid, signal.SIGKILL)
        self.wait(_GRACE)
        return True

    def wait(self, seconds: float) -> int:
        """The exit code; a process that takes longer than this is killed with all that it started.

        Raises:
            TimeoutError: it was.
        """
        end = time.monotonic() + seconds
        while not self._poll():
            if time.monotonic() > end:
                sweep_away(self.pid)
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"took longer than {seconds:.0f} s")
            time.sleep(0.005)
        assert self.code is not None
        return self.code

    def orphans(self, seconds: float = _GRACE) -> int:
        """Processes of its session that outlive it by so many seconds; they are killed then."""
        end = time.monotonic() + seconds
        while (left := session(self.pid)) and time.monotonic() < end:
            time.sleep(0.05)
        sweep_away(self.pid)
        return len(left)

    @property
    def stderr(self) -> str:
        """What it said."""
        return (self.folder / "stderr").read_text(errors="replace")

    @property
    def stdout(self) -> str:
        """What it printed."""
        return (self.folder / "stdout").read_text(errors="replace")

    @property
    def peak_mb(self) -> float:
        """Most memory that it took beyond what it began with, where it ended by itself."""
        return float(json.loads((self.folder / "peak").read_text()))

    def complaint(self, *words: str, several: bool = False) -> str | None:
        """What is wrong with how it refused: exit code 1 or 2, one line `error: ...` with all words, no stack trace.

        Args:
            words: of the line.
            several: each job of a sweep may have a line.
        """
        lines = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        if self.code not in (1, 2):
            return f"exit code {self.code}: {last_line(self.stderr) or last_line(self.stdout)}"
        if "Traceback" in self.stderr or not lines or (len(lines) > 1 and not several):
            return f"not one line of error: {last_line(self.stderr)}"
        missing = [word for word in words if word not in lines[0]]
        return f"does not name {', '.join(missing)}: {lines[0]}" if missing else None

    def _poll(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code, self.seconds = os.waitstatus_to_exitcode(status), time.monotonic() - self.began
        return self.code is not None


def begin(
    job: Callable[[], int], folder: Path, memory_mb: int | None = None, environment: Mapping[str, str] | None = None
) -> Child:
    """Fork a process that does a job.

    Args:
        job: gives the exit code.
        folder: is made; the process works there, and leaves stdout, stderr and peak.
        memory_mb: address space that it may take beyond what it has; None: any.
        environment: further variables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os._exit(_child(job, folder, memory_mb, environment or {}))
    return Child(pid, folder)


def done(job: Callable[[], int], folder: Path, seconds: float = 120, memory_mb: int | None = None) -> Child:
    """`begin`, and wait for the end.

    Raises:
        TimeoutError: it took longer than this.
    """
    child = begin(job, folder, memory_mb)
    child.wait(seconds)
    return child


def session(leader: int) -> list[int]:
    """Living processes of a session, without its leader."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == leader and words[0] not in "ZX" and int(name) != leader:
            found.append(int(name))
    return found


def sweep_away(leader: int) -> None:
    """Kill what is left of a session."""
    for pid in session(leader):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def last_line(text: str) -> str:
    """The end of what a process said."""
    return (text.strip().splitlines() or [""])[-1]


def _child(job: Callable[[], int], folder: Path, memory_mb: int | None, environment: Mapping[str, str]) -> int:
    """Never returns into the code of the parent."""
    os.setsid()
    for number, name in ((1, "stdout"), (2, "stderr")):
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(handle, number)
    os.chdir(folder)
    os.environ.update(environment)
    before = _peak_mb()
    if memory_mb is not None:
        most = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE") + (memory_mb << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    code = 99
    try:
        code = job()
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _write_all(folder / "peak", _peak_mb() - before)
    return code


def _write_all(path: Path, content: Any) -> None:
    try:
        path.write_text(json.dumps(content))
    except OSError:  # of a disk that is full on purpose
        path.unlink(missing_ok=True)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
