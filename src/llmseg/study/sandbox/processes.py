"""What a tree of processes uses, read from /proc."""

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _TIMES, _THREADS, _RESIDENT = 1, slice(11, 15), 17, 21  # fields of /proc/<pid>/stat after the name


@dataclass(frozen=True)
class Usage:
    """What a process and all its descendants use.

    Attributes:
        pids: of all of them.
        tasks: processes and threads.
        cpu_seconds: of them and of those that they have waited for.
        resident: bytes, where shared memory counts once for each process.
    """

    pids: tuple[int, ...]
    tasks: int
    cpu_seconds: float
    resident: int

    def proportional(self) -> int:
        """Return the bytes of resident memory, where shared memory counts once; slower."""
        return sum(map(_proportional, self.pids))


def usage(root: int) -> Usage:
    """Return what a process and its descendants use now."""
    table = _table()
    children: dict[int, list[int]] = {}
    for pid, fields in table.items():
        children.setdefault(int(fields[_PARENT]), []).append(pid)
    pids, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if pid in table:
            pids.append(pid)
    rows = [table[pid] for pid in pids]
    return Usage(
        pids=tuple(pids),
        tasks=sum(int(row[_THREADS]) for row in rows),
        cpu_seconds=sum(int(time) for row in rows for time in row[_TIMES]) / _TICK,
        resident=sum(int(row[_RESIDENT]) for row in rows) * _PAGE,
    )


def tasks_of_user() -> int:
    """Return how many tasks our own user has, as RLIMIT_NPROC counts them."""
    count = 0
    for pid, fields in _table().items():
        with contextlib.suppress(OSError):
            count += int(fields[_THREADS]) if Path(f"/proc/{pid}").stat().st_uid == os.getuid() else 0
    return count


def kill(pids: Iterable[int]) -> None:
    """Kill processes that may be gone already."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _table() -> dict[int, list[str]]:
    rows = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            rows[int(name)] = file.read().rpartition(")")[2].split()
    return rows


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, UnicodeDecodeError):  # ended, or does not let itself be inspected: count it in full
        with contextlib.suppress(OSError):
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        return 0
