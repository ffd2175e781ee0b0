"""Methods that write boxes beside each other: tables, and paired comparisons by patient."""

from collections.abc import Mapping

import pandas as pd

from llmseg.evaluation.boxes.metrics import by_patient
from llmseg.evaluation.pairwise import pairwise
from llmseg.evaluation.summary import TOO_SMALL, Summary

MODEL, RULE, ABLATION = "model", "rule", "ablation"
"""Kinds of methods in boxes.csv: trained, without any training, and trained but asked with images left out."""

CAPTION = "IoU and all other means: over patients of each patient's mean; an answer that cannot be read has IoU 0"
_HEADER = {
    "acc_25": "Acc@.25",
    "acc_50": "Acc@.5",
    "acc_75": "Acc@.75",
    "giou": "GIoU",
    "centre_mm": "centre mm",
    "side_accuracy": "side",
    "parse_rate": "parsed",
    "rejection": "rejected",
}
_DIGITS = {"centre_mm": 1}


def table(summaries: Mapping[str, Summary]) -> list[list[str]]:
    """One row a method, to be rendered by `llmseg.cli.console.render`; the first row is the header.

    Args:
        summaries: method -> what `summarise` says of it. Columns that no method has a value for are left out.
    """
    shown = [m for m in _HEADER if any(each["mean"][m] is not None for each in summaries.values())]
    rows = [["method", "IoU", "95 % interval", "by slice", *(_HEADER[m] for m in shown), "patients", "slices"]]
    for name, each in summaries.items():
        interval = each["mean_interval"]["iou"]
        between = TOO_SMALL if interval is None else " to ".join(_digits(end) for end in interval)
        values = [_digits(each["mean"][metric], _DIGITS.get(metric, 3)) for metric in shown]
        counts = [str(each["patients"]), str(each["slices"])]
        rows.append([name, _digits(each["mean"]["iou"]), between, _digits(each["iou_of_slices"]), *values, *counts])
    return rows


def patients_table(summaries: Mapping[str, Summary]) -> list[list[str]]:
    """Mean IoU of each patient: one row a patient, one column a method, then the mean of the patients."""
    patients = sorted({patient for each in summaries.values() for patient in each["per_patient"]})
    rows = [["patient", *summaries]]
    rows += [[name, *(_digits(each["per_patient"].get(name)) for each in summaries.values())] for name in patients]
    return [*rows, ["mean", *(_digits(each["mean"]["iou"]) for each in summaries.values())]]


def compare(rows: pd.DataFrame, baseline: pd.DataFrame, metric: str = "iou") -> dict[str, float | int | str | None]:
    """Compare two methods on the same slices, paired over patients.

    Args:
        rows: of `score`, one method.
        baseline: of another one on the same slices.
        metric: one of `llmseg.evaluation.boxes.metrics.METRICS`.

    Returns:
        JSON-ready: pairs (patients with a value in both), difference (the first minus the baseline, mean over
        patients), low and high (95 %, bootstrap), p (Wilcoxon's signed ranks, two-sided), rank_biserial, note. Under
        ten patients low, high and p are None and the note says "n too small".

    Raises:
        ValueError: the two were not scored on the same patients.
    """
    first, second = by_patient(rows, metric), by_patient(baseline, metric)
    if apart := set(rows["group"].astype(str)) ^ set(baseline["group"].astype(str)):
        raise ValueError(f"patient {min(apart)!r} was scored with one of the two methods only")
    scores = pd.DataFrame({"first": first, "second": second})
    found = pairwise(scores, {str(name): str(name) for name in scores.index}).iloc[0]
    numbers = {key: _or_none(found[key]) for key in ("difference", "low", "high", "p", "rank_biserial")}
    return {"pairs": int(found["pairs"]), **numbers, "note": str(found["note"])}


def _digits(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _or_none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
