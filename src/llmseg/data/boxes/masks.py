"""From a mask to boxes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from llmseg.data.boxes.sample import Box, Boxes

_EIGHT = np.ones((3, 3), bool)


def box_around(mask: NDArray[Any]) -> Box | None:
    """The smallest box around all non-zero pixels of a mask (H, W); None where there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def boxes_around(mask: NDArray[Any], min_area: int = 1) -> Boxes:
    """A box around each component of a mask (H, W), 8-connected, of `min_area` pixels or more; the largest first."""
    numbers, _ = ndimage.label(mask != 0, structure=_EIGHT)
    areas = np.bincount(numbers.ravel())[1:]
    boxes = []
    for index in np.argsort(-areas, kind="stable"):
        if areas[index] >= min_area:
            box = box_around(numbers == index + 1)
            assert box is not None, "a component has pixels"
            boxes.append(box)
    return tuple(boxes)
