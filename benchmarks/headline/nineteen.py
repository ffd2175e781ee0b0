"""All nineteen networks once, one row for all LLMs that wrote the same function."""

from typing import Any

from harness.result import read

from headline.claims import claim
from headline.numbers import Line, Part, interval, paragraph, short
from llmseg.study.authors import authors


def parts() -> dict[str, Part]:
    """The table and what it says."""
    content = read("nineteen_networks")
    rows = merged(content["rows"])
    return {
        "nineteen": [_line(row, content["class_intervals"]) for row in rows],
        "nineteen_notes": _notes(content["rows"]),
    }


def merged(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a function and wiring, best first; values are means over the LLMs that wrote it."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(run["function_class"] + (" repaired" if run["repaired"] else ""), []).append(run)
    rows = [{"function": name, "runs": part} | _means(part) for name, part in groups.items()]
    return sorted(rows, key=lambda row: -row["dice"])


def _means(part: list[dict[str, Any]]) -> dict[str, float]:
    return {key: sum(run[key] for run in part) / len(part) for key in ("dice", "gmacs", "seconds")}


def _line(row: dict[str, Any], intervals: dict[str, list[float]]) -> Line:
    part = row["runs"]
    found = {run["model"] for run in part}
    sizes = sorted({run["parameters"] for run in part})
    ends = part[0]["dice_interval"] if len(part) == 1 else intervals[row["function"]]
    return {
        "function": row["function"],
        "written by": ", ".join(author.llm for name, author in authors().items() if name in found),
        "Dice [95 % interval]": f"{short(row['dice'])} {interval(*ends)}",
        "parameters": " to ".join(f"{size:,}" for size in sorted({sizes[0], sizes[-1]})),
        "GMACs": f"{row['gmacs']:.2f}",
        "seconds": f"{row['seconds']:.0f}",
    }


def _notes(runs: list[dict[str, Any]]) -> str:
    twins = [run["dice"] for run in runs if run["function_class"] == "gpt_o1"]
    rows = [row["dice"] for row in merged(runs)]
    first = sum(dice >= max(rows) - (max(twins) - min(twins)) for dice in rows)
    nothing = next(run for run in runs if run["model"] == "bing_copilot" and not run["repaired"])
    return paragraph(
        f"The {len(twins)} networks of the class `gpt_o1` reach {short(min(twins), 4)} to {short(max(twins), 4)} "
        "with one seed:",
        "they differ only in the order of concatenation, in biases that batch norm cancels and, one, in dropout, so "
        "that this",
        f"is noise, and so are all differences between the first {first} rows. The networks of GPT-4, Bing Copilot "
        "and Llama 3.1",
        "have no batch norm and are far from the end of their training at this budget.",
        claim(nothing["dice"] == 0, "Bing Copilot's as generated finds nothing in any case."),
    )
