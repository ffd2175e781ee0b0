"""A 3D and a 2D U-Net on hippocampus, and what the picture at the top of the README shows."""

from typing import Any

from harness.result import read

from headline.claims import claim
from headline.numbers import Line, Part, duration, paragraph, short, with_interval

_MEASURES = {"hd95_mm": ("HD95 mm", 2), "assd_mm": ("ASSD mm", 2), "nsd": ("NSD 2 mm", 3)}


def parts() -> dict[str, Part]:
    """The demo's caption and the table of hippocampus."""
    return {"demo": _demo(), "hippocampus": [_line(row) for row in read("hippocampus")["rows"]]}


def _line(row: dict[str, Any]) -> Line:
    summary = row["summary"]
    mean, cost = summary["mean"], summary["cost"]
    line = {
        "network": f"{row['run']}, {row['steps']:,} steps",
        "Dice [95 % interval]": with_interval(mean["dice"], summary["mean_interval"]["dice"]),
    }
    line |= {title: short(mean[key], digits) for key, (title, digits) in _MEASURES.items()}
    return line | {"parameters": f"{cost['parameters']:,}", "time in all": duration(row["seconds_in_all"])}


def _demo() -> str:
    rows = {row["repaired"]: row for row in read("demo")["rows"]}
    generated, repaired = rows[False], rows[True]
    same = generated["parameters"] == repaired["parameters"]
    count = f"{generated['parameters']:,}" + ("" if same else f" and {repaired['parameters']:,}")
    return paragraph(
        f"*What `make demo` draws: mean Dice {short(generated['dice'])} as generated and {short(repaired['dice'])} "
        "with",
        claim(repaired["dice"] > generated["dice"], "`model.repaired=true`, which stands left of it."),
        "GPT-4o's network crops its skip connections to their top-left corner, so",
        "no edge ever reaches the decoder in its place. The number of parameters, that of the canonical U-Net",
        f"({count}), does not show it; this does. On one thread (`OMP_NUM_THREADS=1`);",
        "another number of threads gives other figures.",
        "A demonstration, not evidence: one averaged brain, on which",
        f"{generated['reference']} already reach Dice {short(generated['reference_dice'])}.*",
    )
