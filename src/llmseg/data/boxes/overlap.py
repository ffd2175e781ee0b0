"""How far a box is from another one, and which predicted box belongs to which true one."""

from collections.abc import Sequence
from math import hypot

import numpy as np
from scipy.optimize import linear_sum_assignment

from llmseg.data.boxes.sample import Box

_TIE = 1e-6  # weight of GIoU beside IoU in a match: it only decides between pairs that do not overlap


def iou(first: Box, second: Box) -> float:
    """Intersection over union, 0 to 1; 0 for two boxes without area."""
    union = _area(first) + _area(second) - _intersection(first, second)
    return _intersection(first, second) / union if union > 0 else 0.0


def giou(first: Box, second: Box) -> float:
    """Generalised IoU (Rezatofighi et al. 2019, algorithm 1), -1 to 1: IoU minus the empty share of the common hull."""
    union = _area(first) + _area(second) - _intersection(first, second)
    hull = _area(Box(*map(min, first[:2], second[:2]), *map(max, first[2:], second[2:])))
    return iou(first, second) - (hull - union) / hull if hull > 0 else 0.0


def centre(box: Box) -> tuple[float, float]:
    """The middle of a box, (x, y) in pixels."""
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2


def centre_mm(first: Box, second: Box, spacing: tuple[float, float] | None) -> float | None:
    """Distance between the middles of two boxes in mm.

    Args:
        first: in pixels.
        second: in pixels.
        spacing: size of a pixel in mm (along x, along y); without it there is no distance.
    """
    if spacing is None:
        return None
    (x1, y1), (x2, y2) = centre(first), centre(second)
    return hypot((x1 - x2) * spacing[0], (y1 - y2) * spacing[1])


def match(truth: Sequence[Box], predicted: Sequence[Box]) -> dict[int, int]:
    """Index of the predicted box of each true one, for the greatest total IoU (Kuhn 1955); each is used once.

    Where several pairings have that total, the one with the greater GIoU is taken. True boxes that are left over, since
    there are fewer predictions, are missing.
    """
    if not truth or not predicted:
        return {}
    gain = np.array([[iou(own, other) + _TIE * giou(own, other) for other in predicted] for own in truth])
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def _area(box: Box) -> float:
    return max(box.x2 - box.x1, 0.0) * max(box.y2 - box.y1, 0.0)


def _intersection(first: Box, second: Box) -> float:
    return _area(Box(*map(max, first[:2], second[:2]), *map(min, first[2:], second[2:])))
