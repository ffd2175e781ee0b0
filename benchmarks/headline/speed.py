"""llmseg beside what people use: tables of benchmarks/results/."""

import json
from pathlib import Path
from typing import Any

from harness.command import FOLDER
from harness.rows import duration

from headline.numbers import Line, Part

NAMES = (
    "surface", "dice", "windows", "start", "overhead", "patches", "predict_file", "train_2d", "train_3d", "reports",
)  # fmt: skip
"""Benchmarks, cheapest first; the order of the tables."""
NOT_MEASURED = 'Not measured: there are no results of a GPU (`make bench BENCH_WORDS="--device cuda"` makes them).'


def parts(folder: Path = FOLDER) -> dict[str, Part]:
    """Long and short tables of each device; a sentence where a device was not measured."""
    found: dict[str, Part] = {}
    for device in ("cpu", "cuda"):
        rows = results(NAMES, device, folder)
        found[f"rows_{device}"] = [_line(row) for row in rows] or NOT_MEASURED
        found[f"ratios_{device}"] = [_short(row) for row in rows] or NOT_MEASURED
    return found


def results(names: tuple[str, ...] | list[str], device: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Rows of the files that are there."""
    suffix = "" if device == "cpu" else f"_{device}"
    files = [folder / f"{name}{suffix}.json" for name in names]
    return [row for file in files if file.exists() for row in json.loads(file.read_text())["rows"]]


def _short(row: dict[str, Any]) -> Line:
    """A row of the README."""
    missed = "" if row["ratio"] >= row["aim"] else " (missed)"
    return {
        "what": row["case"], "llmseg": duration(row["ours_seconds"]), "beside": row["peer"],
        "ratio": f"{row['ratio']:.1f}", "aim": f"{row['aim']:g}{missed}",
    }  # fmt: skip


def _line(row: dict[str, Any]) -> Line:
    """A row of docs/speed.md."""
    low, high = row["spread"]
    return {
        "what": row["case"], "peer": row["peer"], "ours": duration(row["ours_seconds"]),
        "peer's": duration(row["peer_seconds"]),
        "ratio (range, rounds)": f"{row['ratio']:.2f} ({low:.2f}-{high:.2f}, {row['rounds']})",
        "aim": f"{row['aim']:g}", "same result": row["same_because"] if row["same"] else f"NO: {row['same_because']}",
        "why it is missed": row["cause"] if row["ratio"] < row["aim"] else "",
    }  # fmt: skip
