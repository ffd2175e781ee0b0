"""Scores of boxes: of one slice, and of all slices together."""

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import pandas as pd

from llmseg.data.boxes.overlap import centre, centre_mm, giou, iou, match
from llmseg.data.boxes.sample import Box, Sample
from llmseg.evaluation.statistics import bootstrap_by_patient
from llmseg.evaluation.summary import TOO_SMALL, Summary
from llmseg.language.codecs.base import Decoded

Row = dict[str, Any]
LEFT, RIGHT = "left", "right"
THRESHOLDS = {"acc_25": 0.25, "acc_50": 0.5, "acc_75": 0.75}
METRICS = ("iou", "giou", *THRESHOLDS, "centre_mm", "parse_rate", "side_accuracy", "rejection")
SLICE = ["case", "group", "plane", "slice", "line"]
"""Columns that tell slices apart; the line of the file does where it names neither slice nor case."""


def score(sample: Sample, decoded: Decoded) -> list[Row]:
    """Score what a method answered for one slice.

    Several true boxes are matched with the predicted ones for the greatest total IoU. A true box without a prediction
    (text that cannot be read, "none", too few boxes) has IoU 0, GIoU -1 and no distance.

    Args:
        sample: the slice; boxes in its pixels.
        decoded: the predicted boxes; where there is a reason, none of them counts.

    Returns:
        One row a true box, or a single one with `truth` False where there is none: case, group, plane, slice, line
        (in the file), truth, iou, giou, centre_mm (NaN without spacing), side (half of the image, not of the patient,
        with the true centre: "left", "right"; None in sagittal planes and in the very middle), side_correct (None
        without a side; False without a prediction), parsed, reason, x1 y1 x2 y2 (of the prediction, NaN without one),
        tx1 ty1 tx2 ty2 (of the truth), extra (predicted boxes of the slice that are left over), correct_rejection
        (None where there is a true box).
    """
    predicted = decoded.boxes if decoded.reason is None else ()
    record = sample.record
    pairs = match(sample.boxes, predicted)
    common = {
        "case": record.case,
        "group": record.group,
        "plane": record.plane,
        "slice": record.slice,
        "line": record.line,
        "truth": bool(sample.boxes),
        "parsed": decoded.reason is None,
        "reason": decoded.reason,
        "extra": len(predicted) - len(pairs),
        "correct_rejection": None if sample.boxes else decoded.reason is None and not predicted,
    }
    if not sample.boxes:
        first = predicted[0] if predicted else None
        return [common | _nothing_true() | _corners("", first) | _corners("t", None)]
    return [
        common | _score_box(sample, own, predicted[pairs[index]] if index in pairs else None)
        for index, own in enumerate(sample.boxes)
    ]


def summarise(rows: pd.DataFrame | Sequence[Row], seed: int = 0) -> Summary:
    """Summarise the scores of one method.

    Every mean is a mean over patients of each patient's own mean, so that one with many slices weighs no more.

    Args:
        rows: of `score`, all slices of one method.
        seed: of the bootstrap.

    Returns:
        JSON-ready, null for what does not exist:
        `["slices"]`, `["boxes"]`, `["patients"]`, their numbers;
        `["mean"][metric]` for iou, giou, acc_25, acc_50, acc_75 (shares of boxes with an IoU above it, strictly, as in
        MiniGPT's evaluation), centre_mm (of boxes with a prediction), parse_rate (of slices), side_accuracy,
        rejection (share of the slices without a box of which a method said so);
        `["mean_interval"][metric]`, 95 % by patient, or null under ten patients, which `["note"]` then says;
        `["iou_of_slices"]`, the mean over slices instead; `["extra"]`, predicted boxes that are left over;
        `["per_patient"]`, the mean IoU of each.

    Raises:
        ValueError: there are no rows.
    """
    frame = pd.DataFrame(rows)
    if frame.empty:
        raise ValueError("no scores to summarise")
    slices = frame.drop_duplicates(_slice_keys(frame))
    means = {metric: by_patient(frame, metric) for metric in METRICS}
    boxes = _with_truth(frame)
    of_slices = boxes.groupby(_slice_keys(frame), dropna=False)["iou"].mean()
    patients = int(frame["group"].nunique())
    intervals = {m: bootstrap_by_patient(values, list(values.index), seed=seed) for m, values in means.items()}
    return {
        "slices": len(slices),
        "boxes": len(boxes),
        "patients": patients,
        "mean": {metric: _or_none(values.mean()) for metric, values in means.items()},
        "mean_interval": {m: None if interval is None else list(interval) for m, interval in intervals.items()},
        "iou_of_slices": _or_none(of_slices.mean()),
        "extra": int(slices["extra"].sum()),
        "per_patient": {str(name): float(value) for name, value in means["iou"].items()},
        "note": TOO_SMALL if intervals["parse_rate"] is None else None,
    }


def by_patient(rows: pd.DataFrame, metric: str = "iou") -> "pd.Series[float]":
    """Mean of a metric of each patient, those without a value left out; index: patients.

    Args:
        rows: of `score`.
        metric: one of `METRICS`.
    """
    frame = pd.DataFrame(rows).assign(group=lambda own: own["group"].astype(str))
    values = _values(frame, metric).astype(float)
    return values.groupby(frame["group"]).mean().dropna()


def _values(frame: pd.DataFrame, metric: str) -> "pd.Series[Any]":
    """One value a row that counts for a metric; the index is the rows'."""
    if metric == "parse_rate":
        return frame.drop_duplicates(_slice_keys(frame))["parsed"]
    if metric == "rejection":
        return frame.loc[~frame["truth"].astype(bool), "correct_rejection"]
    boxes = _with_truth(frame)
    if metric in THRESHOLDS:
        return boxes["iou"] > THRESHOLDS[metric]
    return boxes["side_correct" if metric == "side_accuracy" else metric]


def _slice_keys(frame: pd.DataFrame) -> list[str]:
    """Columns that tell answers apart: where several runs are pooled, each has answered for the slice."""
    return [*SLICE, "run"] if "run" in frame else SLICE


def _with_truth(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["truth"].astype(bool)]


def _score_box(sample: Sample, own: Box, predicted: Box | None) -> Row:
    width, plane = sample.size[0], sample.record.plane
    side = _side(own, width, plane)
    row: Row = {
        "iou": 0.0,
        "giou": -1.0,
        "centre_mm": nan,
        "side": side,
        "side_correct": None if side is None else False,
    }
    if predicted is not None:
        distance = centre_mm(own, predicted, sample.record.spacing)
        row |= {"iou": iou(own, predicted), "giou": giou(own, predicted)}
        row |= {"centre_mm": nan if distance is None else distance}
        row |= {"side_correct": None if side is None else _side(predicted, width, plane) == side}
    return row | _corners("", predicted) | _corners("t", own)


def _nothing_true() -> Row:
    return {"iou": nan, "giou": nan, "centre_mm": nan, "side": None, "side_correct": None}


def _side(box: Box, width: int, plane: str) -> str | None:
    """Half of the image with the middle of the box; sagittal planes show one side of the patient only."""
    x, _ = centre(box)
    if plane not in ("axial", "coronal") or x == width / 2:
        return None
    return LEFT if x < width / 2 else RIGHT


def _corners(prefix: str, box: Box | None) -> dict[str, float]:
    return {f"{prefix}{name}": float(value) for name, value in zip(Box._fields, box or (nan,) * 4, strict=True)}


def _or_none(value: float) -> float | None:
    return float(value) if isfinite(value) else None
