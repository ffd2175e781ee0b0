"""Which slices of a volume are shown, and their boxes."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llmseg.data.boxes.config import MakeConfig
from llmseg.data.boxes.masks import box_around, boxes_around
from llmseg.data.boxes.planes import axis_of, plane_of
from llmseg.data.boxes.sample import Boxes

SHOWS = 0.25  # share of the fullest slice's non-zero voxels from which on a slice shows something


def choose(image: NDArray[np.float32], mask: NDArray[np.bool_], choice: MakeConfig) -> Mapping[int, Boxes]:
    """Slices to show, and their boxes.

    Args:
        image: (X, Y, Z) in RAS orientation; slices without foreground are taken where it shows something.
        mask: of the same shape.
        choice: plane, number and kind of slices and boxes.

    Returns:
        Index along the plane's axis -> boxes, none for a slice without foreground.
    """
    rest = tuple(axis for axis in range(3) if axis != axis_of(choice.plane))
    areas = mask.sum(axis=rest)
    able = {int(n): _boxes(plane_of(mask, choice.plane, int(n)), choice) for n in np.flatnonzero(areas)}
    able = {index: boxes for index, boxes in able.items() if boxes and areas[index] >= choice.min_area}
    indices = list(able)
    if choice.slices is not None and choice.choose == "largest":
        indices = sorted(indices, key=lambda index: -areas[index])[: choice.slices]
    elif choice.slices is not None:
        indices = spread(indices, choice.slices)
    chosen = {index: able[index] for index in indices}
    shown = (image != 0).sum(axis=rest)
    blank = [int(n) for n in np.flatnonzero((areas == 0) & (shown >= SHOWS * shown.max()))]
    return chosen | dict.fromkeys(spread(blank, choice.empty), ())


def _boxes(mask: NDArray[np.bool_], choice: MakeConfig) -> Boxes:
    if choice.boxes == "components":
        return boxes_around(mask, choice.min_area)
    box = box_around(mask)
    return () if box is None else (box,)


def spread(values: Sequence[int], count: int) -> list[int]:
    """`count` of the values, each from the middle of one of as many equal parts; all where there are no more."""
    if len(values) <= count:
        return list(values)
    return [values[int((part + 0.5) * len(values) / count)] for part in range(count)]
