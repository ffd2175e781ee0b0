"""How cost grows: the tables of docs/scaling.md."""

from harness.command import FOLDER
from harness.result import read

from headline.numbers import Part


def parts() -> dict[str, Part]:
    """Each table of benchmarks/results/scaling.json."""
    tables = read("scaling", FOLDER)["values"]["tables"]
    return {f"scaling_{name}": rows for name, rows in tables.items()}
