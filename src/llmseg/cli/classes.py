"""One row for all runs whose networks are one function: LLMs that wrote the same network are one observation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.evaluation.summary import TOO_SMALL, summarise
from llmseg.runs import RunFolder, collect_cases
from llmseg.runs.labels import NOT_A_SETTING
from llmseg.runs.state import status
from llmseg.study.authors import Author, authors

HEADER = ("network", "members", "data", "runs", "Dice", "95 % interval", "parameters", "GMACs", "seconds")
_SAME_FUNCTION = ("skip", "bias", "dropout", "pad_up")
"""Arguments in which LLM-written networks of one class differ: order of concatenation, biases that batch norm cancels,
dropout, and padding that only odd sizes see; see `llmseg.study.authors.Author.network`."""
_NOT_A_SETTING = ("config.seed", *NOT_A_SETTING)


def merge(frame: pd.DataFrame) -> list[list[str]]:
    """Rows of a table, a header and one a function class and training; by data set, best Dice first.

    Dice and its interval are of each case's mean over the members' runs; GMACs and the seconds that a run took are
    means.

    Args:
        frame: finished runs, as `llmseg.runs.collect` returns them.
    """
    known = authors()
    records = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    keys = [_key(record, known) for record in records]
    groups = [frame[[key == other for other in keys]] for key in dict.fromkeys(keys)]
    rows = sorted((_row(part, known) for part in groups), key=lambda row: (row[1][2], -(row[0] or 0.0)))
    return [list(HEADER), *(cells for _, cells in rows)]


def _key(record: Mapping[str, Any], known: Mapping[str, Author]) -> tuple[str, ...]:
    """What runs of one class and one training share, written out."""
    author = known.get(str(record["config.choices.model"]))
    ignored: tuple[str, ...] = _NOT_A_SETTING
    if author is not None:
        ignored = (*ignored, *(f"config.model.{name}" for name in _SAME_FUNCTION))
    facts = {
        key: value
        for key, value in record.items()
        # a column that another run has filled is empty here
        if str(key).startswith("config.") and not str(key).startswith(ignored) and value is not None and value == value
    }
    return (author.network if author else "", *(f"{key}={facts[key]}" for key in sorted(facts)))


def _row(part: pd.DataFrame, known: Mapping[str, Author]) -> tuple[float | None, list[str]]:
    found = set(part["config.choices.model"].astype(str))
    models = [name for name in known if name in found] or sorted(found)
    names = [known[model].llm if model in known else model for model in models]
    cases = pd.concat([collect_cases(folder) for folder in part["run"]], ignore_index=True)
    scores = cases.groupby(["case", "group", "class"], sort=False)["dice"].mean().reset_index()
    summary = summarise(scores)
    dice, interval = summary["mean"]["dice"], summary["mean_interval"]["dice"]
    first = known[models[0]].network if models[0] in known else models[0]
    repaired = " repaired" if part.get("config.model.repaired", pd.Series([False])).iloc[0] == True else ""  # noqa: E712 (numpy's bool)
    seconds = [status(RunFolder(Path(folder))).seconds for folder in part["run"]]
    return dice, [
        f"{first}{repaired}",
        ", ".join(names),
        str(part["summary.data"].iloc[0]),
        str(len(part)),
        "-" if dice is None else f"{dice:.3f}",
        TOO_SMALL if interval is None else " to ".join(f"{end:.3f}" for end in interval),
        _range(part["summary.cost.parameters"]),
        _mean(part["summary.cost.gmacs"], "{:.2f}"),
        _mean([value for value in seconds if value is not None], "{:.0f}"),
    ]


def _range(counts: "pd.Series[float]") -> str:
    """Smallest and largest number, or the only one."""
    return " to ".join(f"{count:,.0f}" for count in sorted({counts.min(), counts.max()}))


def _mean(values: "Sequence[float] | pd.Series[float]", pattern: str) -> str:
    return pattern.format(float(pd.Series(values, dtype=float).mean())) if len(values) else "-"
