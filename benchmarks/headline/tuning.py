"""What was tried on four labelled hippocampi before anything was tested."""

from typing import Any

from harness.result import read

from headline.numbers import Line, Part, paragraph, short

_ROWS: dict[str, dict[str, Any]] = {
    "`llm_segnet`": {"method": "llm_segnet"},
    "`cps`": {"method": "cps"},
    "`mean_teacher`, `decay=0.99`": {"method": "mean_teacher", "decay": 0.99},
    "`mean_teacher`, `decay=0.9`": {"method": "mean_teacher", "decay": 0.9},
}
_SAID = {"True": "yes", "False": "no"}
_WEIGHTS = (0.1, 0.3, 1, 3, 10)


def parts() -> dict[str, Part]:
    """Settings of the supervised training, weights of each method, batch norm."""
    rows = read("hippocampus_4_tuning")["rows"]
    return {
        "tuning_supervised": _supervised(rows),
        "tuning_weights": [_weights(rows, title, wanted) for title, wanted in _ROWS.items()],
        "tuning_joint": _joint(rows),
    }


def _supervised(rows: list[dict[str, Any]]) -> list[Line]:
    settings = ("optimizer", "lr", "dropout", "negative_slope", "steps")
    tried: dict[tuple[Any, ...], Line] = {}
    for row in (row for row in rows if row["method"] == "supervised"):
        key = tuple(row[name] for name in settings)
        first = {name: _SAID.get(str(value), str(value)) for name, value in zip(settings, key, strict=True)}
        tried.setdefault(key, first | {f"seed {seed}": "" for seed in (0, 1, 2)})[f"seed {row['seed']}"] = short(
            row["dice"]
        )
    return list(tried.values())


def _weights(rows: list[dict[str, Any]], title: str, wanted: dict[str, Any]) -> Line:
    line = {"`method.weight`": title}
    return line | {str(weight): " / ".join(map(short, _dice(rows, wanted, weight))) for weight in _WEIGHTS}


def _joint(rows: list[dict[str, Any]]) -> str:
    cps, text = _ROWS["`cps`"], _ROWS["`llm_segnet`"]
    alone = [short(_dice(rows, cps, 0, joint)[0]) for joint in (None, False)]
    weighed = [short(_dice(rows, cps, 1, joint)[0]) for joint in (None, False)]
    pairs = [" / ".join(map(short, _dice(rows, text, 3, joint))) for joint in (None, False)]
    return paragraph(
        f"`cps` with weight 0, that is two supervised networks, has {alone[0]} with the unlabelled images in the "
        "batch and",
        f"{alone[1]} without (seed 0). With weight 1 it is {weighed[0]} and {weighed[1]}. `llm_segnet` with weight "
        f"3: {pairs[0]}",
        f"together, {pairs[1]} apart.",
    )


def _dice(rows: list[dict[str, Any]], wanted: dict[str, Any], weight: float, joint: bool | None = None) -> list[float]:
    """Of the seeds with these settings."""
    wanted = {**wanted, "weight": weight, "joint": joint}
    return [row["dice"] for row in rows if all(row.get(key) == value for key, value in wanted.items())]
