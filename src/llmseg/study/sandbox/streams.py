"""The output of a command, read while it runs; of a long one the start and the end are kept."""

import os
import selectors
from typing import IO

_CHUNK = 1 << 16


class Kept:
    """The start and the end of a stream of bytes.

    Args:
        limit: bytes to keep, half of them from the start.
    """

    def __init__(self, limit: int) -> None:
        self.half = max(1, limit // 2)
        self.total = 0
        self._start = bytearray()
        self._end = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.total += len(chunk)
        room = self.half - len(self._start)
        self._start += chunk[:room]
        self._end += chunk[room:] if room > 0 else chunk
        if len(self._end) > 2 * self.half + _CHUNK:
            del self._end[: -self.half]

    @property
    def truncated(self) -> bool:
        """Whether something in the middle is lost."""
        return self.total > 2 * self.half

    def text(self) -> str:
        """Return what is kept, as text; a line says how much is missing."""
        if not self.truncated:
            return (self._start + self._end).decode("utf-8", "replace")
        start, end = self._start.decode("utf-8", "replace"), self._end[-self.half :].decode("utf-8", "replace")
        return f"{start}\n[... {self.total - 2 * self.half} bytes left out ...]\n{end}"


class Streams:
    """Standard output and error of a process.

    Args:
        stdout: the pipe's end.
        stderr: the pipe's end.
        pid: whose end wakes `read` too.
        limit: bytes kept of each.
    """

    def __init__(self, stdout: IO[bytes], stderr: IO[bytes], pid: int, limit: int) -> None:
        self.stdout, self.stderr = Kept(limit), Kept(limit)
        self._selector = selectors.DefaultSelector()
        self._selector.register(stdout, selectors.EVENT_READ, self.stdout)
        self._selector.register(stderr, selectors.EVENT_READ, self.stderr)
        self._process = os.pidfd_open(pid)
        self._selector.register(self._process, selectors.EVENT_READ, None)
        self._open = 2

    def read(self, seconds: float) -> bool:
        """Wait for output, read it, and return whether the process has ended."""
        ended = False
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                ended = True
            else:
                self._take(key)
        return ended

    def drain(self, seconds: float) -> None:
        """Read what an ended process has left in its pipes."""
        self._selector.unregister(self._process)
        while self._open and (ready := self._selector.select(seconds)):
            for key, _ in ready:
                self._take(key)

    def close(self) -> None:
        """Let go of the process."""
        self._selector.close()
        os.close(self._process)

    def _take(self, key: selectors.SelectorKey) -> None:
        chunk = os.read(key.fd, _CHUNK)
        key.data.add(chunk)
        if not chunk:
            self._selector.unregister(key.fileobj)
            self._open -= 1
