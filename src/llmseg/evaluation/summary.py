"""From per-case scores to the numbers of a table."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import pandas as pd

from llmseg.evaluation.metrics import METRICS
from llmseg.evaluation.statistics import Interval, bootstrap_by_patient

KEYS = ("case", "group", "class")
EMPTY_KINDS = ("both", "label", "prediction")
TOO_SMALL = "n too small"

Summary = dict[str, Any]


def summarise(rows: pd.DataFrame | Sequence[Mapping[str, Any]], seed: int = 0) -> Summary:
    """Summarise the scores of one network on one set of cases.

    A metric is averaged over the cases of a class first (NaN left out), then over the classes (macro mean), so that a
    class with few scored cases weighs as much as one with many.

    Args:
        rows: one row a case and class with the columns case, group (patient), class, optionally empty, and any number
            of numeric metrics.
        seed: of the bootstrap.

    Returns:
        JSON-ready, null for what does not exist:
        `["cases"]` and `["patients"]`, their numbers;
        `["mean"][metric]`, the macro mean, and `["mean_interval"][metric]`, its 95 % interval or null;
        `["classes"][name][metric]` with mean, sd (over cases, n - 1), median, interval ([low, high] or null under ten
        patients) and n (cases with a value);
        `["classes"][name]["empty"]`, how many cases have both masks, only the label or only the prediction empty.

    Raises:
        ValueError: a column is missing, there are no rows, or a case has two rows for a class.
    """
    frame = _checked(pd.DataFrame(rows))
    metrics = [name for name in frame.columns if name not in KEYS and pd.api.types.is_numeric_dtype(frame[name])]
    classes: dict[str, Any] = {}
    for name, part in frame.groupby("class", sort=False):
        groups = part["group"].tolist()
        classes[str(name)] = {m: _describe(part[m], groups, seed) for m in metrics} | {"empty": _empty_counts(part)}
    return {
        "cases": int(frame["case"].nunique()),
        "patients": int(frame["group"].nunique()),
        "mean": {m: _or_none(pd.Series([c[m]["mean"] for c in classes.values()], dtype=float).mean()) for m in metrics},
        "mean_interval": {m: _macro_interval(frame, m, seed) for m in metrics},
        "classes": classes,
    }


def table(summary: Summary) -> list[list[str]]:
    """A summary as rows of text to print: a header, one row a class and, with several classes, their mean.

    Dice is printed with its sd over cases and its interval; "n too small" stands for the interval under ten patients.
    The last column counts the cases of which one or both masks are empty.
    """
    header = ["class", "n", "Dice", "sd", "95 % interval", "Jaccard", "HD95 mm", "ASSD mm", "NSD", "empty"]
    rows = [header]
    for name, scores in summary["classes"].items():
        means = {m: scores[m]["mean"] for m in METRICS}
        dice = scores["dice"]
        empty = ", ".join(f"{count} {kind}" for kind, count in scores["empty"].items() if count)
        rows.append(_row(name, str(dice["n"]), means, _digits(dice["sd"], 3), dice["interval"], empty))
    if len(summary["classes"]) > 1:
        rows.append(_row("mean", "", summary["mean"], "", summary["mean_interval"]["dice"], ""))
    return rows


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    if frame.empty:
        raise ValueError("no scores to summarise")
    missing = [key for key in KEYS if key not in frame.columns]
    if missing:
        raise ValueError(f"scores lack the column {missing[0]!r}")
    # Ids that look like numbers come back from a CSV file as numbers.
    frame = frame.assign(**{key: frame[key].astype(str) for key in KEYS})
    twice = frame[frame.duplicated(["case", "class"])]
    if len(twice):
        raise ValueError(f"case {twice['case'].iloc[0]!r} has two rows for class {twice['class'].iloc[0]!r}")
    return frame


def _describe(values: "pd.Series[float]", groups: Sequence[str], seed: int) -> dict[str, Any]:
    return {
        "mean": _or_none(values.mean()),
        "sd": _or_none(values.std()),
        "median": _or_none(values.median()),
        "interval": _as_list(bootstrap_by_patient(values, groups, seed=seed)),
        "n": int(values.notna().sum()),
    }


def _macro_interval(frame: pd.DataFrame, metric: str, seed: int) -> list[float] | None:
    by_class = frame.pivot(index="case", columns="class", values=metric)
    patient = frame.drop_duplicates("case").set_index("case")["group"]
    return _as_list(bootstrap_by_patient(by_class.to_numpy(), patient.loc[by_class.index].tolist(), seed=seed))


def _empty_counts(part: pd.DataFrame) -> dict[str, int]:
    kinds = part.get("empty", pd.Series(dtype=str))
    return {kind: int((kinds == kind).sum()) for kind in EMPTY_KINDS}


def _as_list(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _or_none(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _row(
    name: str, n: str, means: Mapping[str, float | None], sd: str, interval: list[float] | None, empty: str
) -> list[str]:
    between = TOO_SMALL if interval is None else " to ".join(_digits(end, 3) for end in interval)
    shares = {m: _digits(means[m], 3) for m in ("dice", "jaccard", "nsd")}
    lengths = [_digits(means[m], 2) for m in ("hd95_mm", "assd_mm")]
    return [name, n, shares["dice"], sd, between, shares["jaccard"], *lengths, shares["nsd"], empty]


def _digits(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
