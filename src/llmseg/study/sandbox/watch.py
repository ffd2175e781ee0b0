"""What the kernel does not limit for a whole box: memory, processor time and disk of all its processes, wall time."""

import os
import time
from collections.abc import Sequence

from llmseg.study.sandbox.box import Limits, Stopped
from llmseg.study.sandbox.processes import Usage, usage
from llmseg.study.sandbox.streams import Streams

PERIOD = 0.1  # seconds between two looks
MOST_NODES = 100_000  # files and folders: each takes kernel memory, even an empty one
OUTPUT_FACTOR = 64
_MB = 1 << 20


class Watch:
    """Looks at a running box from time to time.

    Args:
        pid: the first process of the tree.
        limits: of the box.
        folders: open file descriptors of its writable folders.
        mounts: whether each of them is a file system of its own; otherwise their files are counted.
        streams: its output.
    """

    def __init__(self, pid: int, limits: Limits, folders: Sequence[int], mounts: bool, streams: Streams) -> None:
        self.pid, self.limits, self.folders, self.mounts, self.streams = pid, limits, folders, mounts, streams
        self.start = time.monotonic()
        self.peak = 0
        self.last: Usage | None = None
        self._next = self.start

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def look(self) -> Stopped | None:
        """Return the limit that is passed, if any."""
        if self.seconds > self.limits.seconds:
            return "time"
        most = self.limits.output_kb * 1024 * OUTPUT_FACTOR
        if max(self.streams.stdout.total, self.streams.stderr.total) > most:
            return "output"
        begun = time.monotonic()
        if begun < self._next:
            return None
        reason = self._look_closely()
        now = time.monotonic()
        self._next = now + max(PERIOD, 10 * (now - begun))  # never more than a tenth of a processor
        return reason

    def pause(self) -> float:
        """Return the seconds until the next look is due."""
        due = min(self._next, self.start + self.limits.seconds)
        return max(0.001, due - time.monotonic() + 0.001)

    def _look_closely(self) -> Stopped | None:
        self.last = now = usage(self.pid)
        if now.tasks >= self.limits.processes:
            return "processes"
        if now.cpu_seconds > self.limits.cpu_seconds:
            return "cpu"
        memory = now.resident if now.resident <= self.limits.memory_mb * _MB else now.proportional()
        self.peak = max(self.peak, memory)
        if memory > self.limits.memory_mb * _MB:
            return "memory"
        used, nodes = self._disk()
        return "disk" if used >= self.limits.total_mb * _MB or nodes > MOST_NODES else None

    def _disk(self) -> tuple[int, int]:
        """Return (bytes, files and folders) of the writable folders."""
        if not self.mounts:
            pairs = [_tree(folder) for folder in self.folders]
        else:
            systems = [os.fstatvfs(folder) for folder in self.folders]
            pairs = [((fs.f_blocks - fs.f_bfree) * fs.f_frsize, fs.f_files - fs.f_ffree) for fs in systems]
        return sum(used for used, _ in pairs), sum(nodes for _, nodes in pairs)


def _tree(folder: int) -> tuple[int, int]:
    used = nodes = 0
    for _, folders, files, here in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        for name in (*folders, *files):
            try:
                used += os.stat(name, dir_fd=here, follow_symlinks=False).st_blocks * 512
            except FileNotFoundError:
                continue
            nodes += 1
        if nodes > MOST_NODES:
            break
    return used, nodes
