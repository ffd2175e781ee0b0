"""Scores of one case and one class."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmseg.evaluation.surface import SurfaceDistances, surface_distances

BoolArray = NDArray[np.bool_]
Empty = Literal["", "both", "label", "prediction"]

METRICS = ("dice", "jaccard", "hd95_mm", "assd_mm", "nsd")
"""Metrics in millimetres, in the order of the tables."""

LEGACY_METRICS = ("legacy_jaccard", "legacy_hd95_voxel", "legacy_asd_voxel")
"""What the tables of semi-supervised segmentation print beside Dice: medpy's `jc`, `hd95` and the one-directional
`asd(prediction, label)`, all without voxel spacing. Where any of the two masks is empty all are 0 (the convention of
UA-MT, MC-Net, BCP and SSL4MIS), so a missed case counts as a perfect distance. For comparison with published tables
only."""


class Overlap(NamedTuple):
    """Voxels of two masks: in both, in the prediction, in the label."""

    both: int
    prediction: int
    label: int


def score(
    prediction: BoolArray, label: BoolArray, spacing: Sequence[float], nsd_tolerance: float = 2.0
) -> dict[str, float | str]:
    """Score one class of one case on the label's original grid.

    Args:
        prediction: mask, 2D or 3D.
        label: mask of the same shape.
        spacing: voxel size in mm, one number an axis.
        nsd_tolerance: distance in mm up to which a surface voxel counts as right.

    Returns:
        `METRICS`, `LEGACY_METRICS`, `empty` (which of the masks is empty: "", "both", "label" or "prediction") and the
        volumes `label_ml` and `prediction_ml` (NaN for 2D images). Both masks empty: the metrics are NaN, to be left
        out of means. Exactly one empty: Dice, Jaccard and NSD are 0, HD95 and ASSD the image diagonal in mm.

    Raises:
        ValueError: the shapes differ, or the spacing does not fit them.
    """
    _check(prediction, label, spacing)
    prediction, label = prediction.astype(bool, copy=False), label.astype(bool, copy=False)
    counts = count_overlap(prediction, label)
    empty = _which_is_empty(counts)
    values = _when_empty(empty, prediction.shape, spacing) if empty else None
    if values is None:
        metric, voxel = surface_distances(prediction, label, spacing, (1.0,) * label.ndim)
        values = overlap_scores(counts) | _surface(metric, voxel, nsd_tolerance)
    # A slice has an area, not a volume.
    voxel_ml = float(np.prod(spacing)) / 1000 if label.ndim == 3 else float("nan")
    row: dict[str, float | str] = {name: values[name] for name in METRICS + LEGACY_METRICS}
    return row | {"empty": empty, "label_ml": counts.label * voxel_ml, "prediction_ml": counts.prediction * voxel_ml}


def _check(prediction: BoolArray, label: BoolArray, spacing: Sequence[float]) -> None:
    if prediction.shape != label.shape:
        raise ValueError(f"prediction {prediction.shape} and label {label.shape} differ in shape")
    if len(spacing) != label.ndim or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f"spacing {tuple(spacing)} does not fit shape {label.shape}: one positive number an axis")


def _which_is_empty(counts: Overlap) -> Empty:
    if not counts.prediction and not counts.label:
        return "both"
    if not counts.label:
        return "label"
    return "" if counts.prediction else "prediction"


def _when_empty(empty: Empty, shape: tuple[int, ...], spacing: Sequence[float]) -> dict[str, float]:
    legacy = dict.fromkeys(LEGACY_METRICS, 0.0)
    if empty == "both":
        return dict.fromkeys(METRICS, float("nan")) | legacy
    diagonal = float(np.linalg.norm(np.multiply(shape, spacing)))
    return {"dice": 0.0, "jaccard": 0.0, "hd95_mm": diagonal, "assd_mm": diagonal, "nsd": 0.0} | legacy


def count_overlap(prediction: BoolArray, label: BoolArray) -> Overlap:
    """Count the voxels of two masks of one shape."""
    both = int(np.count_nonzero(prediction & label))
    return Overlap(both, int(np.count_nonzero(prediction)), int(np.count_nonzero(label)))


def overlap_scores(counts: Overlap) -> dict[str, float]:
    """Dice and Jaccard of two masks that are not both empty."""
    total = counts.prediction + counts.label
    jaccard = counts.both / (total - counts.both)
    return {"dice": 2 * counts.both / total, "jaccard": jaccard, "legacy_jaccard": jaccard}


def _surface(metric: SurfaceDistances, voxel: SurfaceDistances, nsd_tolerance: float) -> dict[str, float]:
    return {
        "hd95_mm": metric.hd95(),
        "assd_mm": metric.assd(),
        "nsd": metric.nsd(nsd_tolerance),
        "legacy_hd95_voxel": voxel.hd95(),
        "legacy_asd_voxel": voxel.directed_asd(),
    }
