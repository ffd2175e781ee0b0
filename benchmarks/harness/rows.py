"""Rows of the table, and their way to a file and back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.machine import Peaks
from harness.same import Same


@dataclass(frozen=True)
class Work:
    """What one run of ours must at least do.

    Attributes:
        flop: floating-point operations (a multiplication and an addition are two).
        bytes: read from and written to the device's memory, where that rules.
        dtype: of the arithmetic, as torch names it.
    """

    flop: float = 0.0
    bytes: float = 0.0
    dtype: str = "float32"


@dataclass(frozen=True)
class Row:
    """One comparison; seconds are medians, `ratio` is the peer's time by ours (median over the rounds)."""

    case: str
    ours: str
    peer: str
    ours_seconds: float
    peer_seconds: float
    ratio: float
    spread: tuple[float, float]
    rounds: int
    aim: float
    same: Same
    work: Work | None = None
    cause: str = ""

    def to_dict(self, peaks: Peaks | None) -> dict[str, Any]:
        """Plain values, with rates and their share of the machine's peaks where the work is known."""
        values = asdict(self) | {"same": self.same.holds, "same_because": self.same.because}
        if self.work is not None:
            values["flop_per_second"] = self.work.flop / self.ours_seconds
            values["bytes_per_second"] = self.work.bytes / self.ours_seconds
        if self.work is not None and peaks is not None:
            values["share_of_matrix_product"] = values["flop_per_second"] / peaks.flop_per_second(self.work.dtype)
            values["share_of_memory_roofline"] = values["bytes_per_second"] / peaks.bytes_per_second()
        return values


def show(rows: Iterable[Mapping[str, Any]], title: str = "") -> None:
    """Print the table of rows as `to_dict` gives them; those of the whole `make bench` have their question too."""
    table = Table(title=title or None, title_justify="left", show_edge=False)
    for name, right in (("what", 0), ("ours", 1), ("peer", 0), ("peer's", 1), ("ratio", 1), ("aim", 1), ("same", 0)):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    missed = []
    for row in rows:
        good = row["ratio"] >= row["aim"]
        low, high = row["spread"]
        table.add_row(
            row["case"], duration(row["ours_seconds"]), row["peer"], duration(row["peer_seconds"]),
            f"[{'green' if good else 'red'}]{row['ratio']:.2f}[/] ({low:.2f}-{high:.2f})", f"{row['aim']:g}",
            f"{'yes' if row['same'] else '[red]no[/]'}: {row['same_because']}",
        )  # fmt: skip
        if not good and row["cause"]:
            missed.append(f"{row['case']}, {row['peer']}: {row['cause']}")
        missed += _rates(row)
    console = Console(width=160)
    console.print(table)
    for line in dict.fromkeys(missed):
        console.print(f"  {line}", style="dim", soft_wrap=True)


def _rates(row: Mapping[str, Any]) -> list[str]:
    """What ours reaches of the machine, where its work is known: arithmetic, traffic, or both."""
    parts = []
    if row.get("share_of_matrix_product"):
        parts.append(
            f"{row['flop_per_second'] / 1e9:.0f} GFLOP/s, {row['share_of_matrix_product']:.0%} of a matrix product"
        )
    if row.get("share_of_memory_roofline"):
        parts.append(
            f"{row['bytes_per_second'] / 1e9:.0f} GB/s, {row['share_of_memory_roofline']:.0%} of copying a large array"
        )
    return [f"{row['case']}: {', '.join(parts)}"] if parts else []


def duration(value: float) -> str:
    """Seconds in a unit that suits them."""
    units = ((1, "s"), (1e3, "ms"), (1e6, "us"), (1e9, "ns"))
    factor, unit = next((pair for pair in units if value * pair[0] >= 1), units[-1])
    return f"{value * factor:.3g} {unit}"
