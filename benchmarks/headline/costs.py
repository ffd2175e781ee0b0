"""What a training step and a prediction cost."""

from typing import Any

from harness.command import FOLDER
from harness.result import read

from headline.numbers import Line, Part, paragraph, percent


def parts() -> dict[str, Part]:
    """Peak memory, the quick tests, and the steps of the semi-supervised methods."""
    steps, memory, suite = read("ssl_step")["rows"], read("memory", FOLDER)["rows"], read("suite", FOLDER)["rows"]
    return {
        "step": _sentence(steps),
        "step_costs": [_step(row, steps[0]) for row in steps],
        "memory": [_memory(row) for row in memory],
        "suite": [_suite(row) for row in suite],
    }


def _step(row: dict[str, Any], supervised: dict[str, Any]) -> Line:
    return {
        "`method=`": f"`{row['method']}`",
        "operations": f"{row['gflop_per_step'] / supervised['gflop_per_step']:.2f}",
        "time": f"{row['supervised_steps']:.1f}",
        "waits for data": f"{percent(row['waiting_for_data'], 1)}",
    }


def _sentence(rows: list[dict[str, Any]]) -> str:
    times = {row["method"]: f"{row['supervised_steps']:.1f}" for row in rows if row["method"] != "supervised"}
    others = ", ".join(f"`{name}` {time}" for name, time in times.items() if name != "llm_segnet")
    waits = max(row["waiting_for_data"] for row in rows)
    return paragraph(
        f"A training step of `llm_segnet` takes {times['llm_segnet']} times a supervised one of the same batch on "
        "two idle cores",
        f"({others}), and at most {percent(waits, 1)} of a step waits for data.",
    )


def _memory(row: dict[str, Any]) -> Line:
    return {
        "what": row["what"],
        "peak, GiB": f"{row['peak_gib']:.2f}",
        "limit, GiB": f"{row['limit_gib']:.2f}" + ("" if row["held"] else " (not held)"),
        "seconds": f"{row['seconds']:.0f}",
    }


def _suite(row: dict[str, Any]) -> Line:
    return {
        "what": row["what"],
        "tests": f"{row['tests']:,}",
        "seconds": f"{row['seconds']:.0f}",
        "aim": f"{row['aim_seconds']:.0f}",
    }
