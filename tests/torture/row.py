"""One line of the table: what was done to the project, how often, and what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """What came of many tries.

    Attributes:
        what: was done.
        tries: how often.
        lost: rows, cases or answers that are missing in the end.
        doubled: those that are there twice, or differ.
        faults: one line each; none where all held.
        seconds: of all tries.
        note: figures that belong to the row.
        skipped: why it could not be tried here; None where it was.
        moments: when each try struck, in seconds after the start, or at which share of the disk.
    """

    what: str
    tries: int
    lost: int = 0
    doubled: int = 0
    faults: tuple[str, ...] = ()
    seconds: float = 0.0
    note: str = ""
    skipped: str | None = None
    moments: tuple[float, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing broke; a row that was skipped says nothing."""
        return not (self.lost or self.doubled or self.faults)

    @property
    def verdict(self) -> str:
        """One cell of the table."""
        if self.skipped is not None:
            return f"skipped: {self.skipped}"
        return "held" if self.holds else f"BROKE: {len(self.faults)} of {self.tries}"

    def cells(self) -> dict[str, Any]:
        """A line of the table."""
        return {
            "what": self.what, "tries": self.tries, "lost": self.lost, "doubled": self.doubled,
            "verdict": self.verdict, "seconds": f"{self.seconds:.0f}", "figures": self.note,
        }  # fmt: skip


def broken(rows: Iterable[Row]) -> Sequence[str]:
    """All faults of some rows, each with its row's name."""
    return [f"{row.what}: {fault}" for row in rows for fault in row.faults or ((row.verdict,) * (not row.holds))]
