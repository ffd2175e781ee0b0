"""All benchmarks, each in a process of its own: `python benchmarks/run.py [--device cuda] [name ...]`, or `make bench`.

Prints one table at the end, and exits with 1 where a benchmark broke or two sides did not compute the same; a missed
aim is a figure, not a failure. With --write the tables of docs/speed.md and README.md are filled from all results that
there are.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from harness.command import FOLDER
from harness.page import fill
from harness.rows import duration, show

HERE = Path(__file__).parent
PAGES = (HERE.parent / "docs" / "speed.md", HERE.parent / "README.md")
NAMES = (
    "surface", "dice", "windows", "start", "overhead", "patches", "predict_file", "train_2d", "train_3d", "reports",
)  # fmt: skip
"""Files beside this one, cheapest first."""


def main() -> None:
    """Run, and show what they wrote."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--write", action="store_true", help="fill the tables of docs/speed.md and README.md as well")
    options, words = parser.parse_known_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"{name}: choose from {', '.join(NAMES)}")
    names = options.names or NAMES
    start = perf_counter()
    broken = []
    for name in names:
        began = perf_counter()
        command = [sys.executable, str(HERE / f"{name}.py"), "--device", options.device, *words]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
            broken.append(name)
        print(f"{name}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    suffix = "" if options.device == "cpu" else f"_{options.device}"
    rows = _results([name for name in names if name not in broken], suffix)
    show(rows)
    if options.write:
        _write(_results(NAMES, suffix), options.device)
    different = [row["case"] for row in rows if not row["same"]]
    print(f"\n{len(rows)} rows in {(perf_counter() - start) / 60:.0f} minutes", flush=True)
    if broken or different:
        sys.exit(f"broke: {', '.join(broken) or 'none'}; not the same result: {', '.join(different) or 'none'}")


def _results(names: Sequence[str], suffix: str) -> list[dict[str, Any]]:
    """Rows of the files that are there."""
    files = [FOLDER / f"{name}{suffix}.json" for name in names]
    return [row for file in files if file.exists() for row in json.loads(file.read_text())["rows"]]


def _write(rows: Sequence[dict[str, Any]], device: str) -> None:
    tables = {f"rows_{device}": [_line(row) for row in rows], f"ratios_{device}": [_short(row) for row in rows]}
    for page in PAGES:
        fill(page, tables)


def _short(row: dict[str, Any]) -> dict[str, str]:
    """A row of the README."""
    missed = "" if row["ratio"] >= row["aim"] else " (missed)"
    return {
        "what": row["case"], "llmseg": duration(row["ours_seconds"]), "beside": row["peer"],
        "ratio": f"{row['ratio']:.1f}", "aim": f"{row['aim']:g}{missed}",
    }  # fmt: skip


def _line(row: dict[str, Any]) -> dict[str, str]:
    """A row of docs/speed.md."""
    low, high = row["spread"]
    return {
        "what": row["case"], "peer": row["peer"], "ours": duration(row["ours_seconds"]),
        "peer's": duration(row["peer_seconds"]), "ratio (range)": f"{row['ratio']:.2f} ({low:.2f}-{high:.2f})",
        "aim": f"{row['aim']:g}", "same result": row["same_because"] if row["same"] else f"NO: {row['same_because']}",
        "why it is missed": row["cause"] if row["ratio"] < row["aim"] else "",
    }  # fmt: skip


if __name__ == "__main__":
    main()
