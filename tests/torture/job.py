"""Work that may be interrupted: done once without, it says what must come out in the end."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Found:
    """How a result differs from that of work which nobody interrupted."""

    lost: int = 0
    doubled: int = 0
    faults: tuple[str, ...] = ()


class Job(Protocol):
    """One kind of work.

    Attributes:
        name: for the table.
        seconds: in which it has to be done.
    """

    name: str
    seconds: float

    def run(self, folder: Path) -> int:
        """Begin in this folder, or go on where an earlier process was; the exit code."""
        ...

    def check(self, folder: Path, whole: Path) -> Found:
        """Compare with the folder of the work that was never interrupted."""
        ...


def compare(found: Iterable[Hashable], expected: Iterable[Hashable], *faults: str) -> Found:
    """Rows that are missing, and rows that are there too often or are others."""
    one, two = Counter(found), Counter(expected)
    return Found((two - one).total(), (one - two).total(), tuple(filter(None, faults)))
