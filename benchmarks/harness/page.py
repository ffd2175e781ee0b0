"""Tables and texts of a page, each between two marks that stay."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_HEADS = {
    "units": "n", "each": "per unit", "held_out": "held out", "hours_at_roofline": "hours, at the roofline",
    "hours_as_nnunet": "hours, slow case", "longest_run_hours": "longest run, hours, slow case", "gpus": "GPUs",
    "pflop": "PFLOP", "forward_gflop": "GFLOP forward", "step_gflop": "GFLOP forward and backward",
    "window_gflop": "GFLOP a window", "forward_ms": "ms forward", "step_ms": "ms forward and backward",
    "window_ms": "ms a window", "image_size": "size", "windows": "windows a test case",
}  # fmt: skip


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with the keys of its first row."""
    names = list(rows[0])
    lines = [[_HEADS.get(name, name) for name in names], ["---"] * len(names)]
    lines += [[_cell(name, row[name]) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(text: str, parts: Mapping[str, str | Sequence[Mapping[str, Any]]]) -> str:
    """A page with each part between `<!-- table: name -->` (or `text:`) and `<!-- end -->`; others stay."""

    def put(found: re.Match[str]) -> str:
        if found[2] not in parts:
            return found[0]
        part = parts[found[2]]
        inside = part if isinstance(part, str) else markdown(part)
        return f"{found[1]}\n{inside}\n{found[3]}" if inside else f"{found[1]}\n{found[3]}"

    return re.sub(r"(<!-- (?:table|text): (\w+) -->).*?(<!-- end -->)", put, text, flags=re.S)


def fill(page: Path, parts: Mapping[str, str | Sequence[Mapping[str, Any]]]) -> None:
    """Write the parts into a page, see `filled`."""
    page.write_text(filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


def marks(text: str) -> list[str]:
    """Names of the parts that a page asks for."""
    return re.findall(r"<!-- (?:table|text): (\w+) -->", text)


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if name == "error" and isinstance(value, float):
        return f"{value:+.0%}"
    return f"{value:,.3g}" if isinstance(value, float) and abs(value) < 1000 else (
        f"{value:,.0f}" if isinstance(value, int | float) else str(value)
    )  # fmt: skip
