"""What models and scores see of a box data set: a slice, its images and its boxes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """A box in pixels of the image: half-open edges, so that a single pixel (0, 0) is (0, 0, 1, 1).

    x runs along the columns and y along the rows. Everywhere in memory boxes are of this kind; what files and language
    models write instead is the business of the reader and of the codecs.
    """

    x1: float
    y1: float
    x2: float
    y2: float


Boxes = tuple[Box, ...]
Size = tuple[int, int]
"""Width and height of an image in pixels."""


@dataclass(frozen=True)
class Record:
    """One line of summary.jsonl: a slice, its images by sequence and its boxes.

    Attributes:
        case: the scan that the slice is of.
        group: the patient; a split never puts one on both sides.
        plane: sagittal, coronal or axial.
        slice: its index along that axis of the volume in RAS orientation; None where the file does not say.
        images: sequence (t2f, t2w, t1n, t1c, or another name) -> image file, in the file's order.
        boxes: none: nothing to be found on this slice.
        spacing: size of a pixel in mm, (along x, along y); None where the file does not say.
        line: in the file, counted from one, for messages.
    """

    case: str
    group: str
    plane: str
    slice: int | None
    images: Mapping[str, Path]
    boxes: Boxes
    spacing: tuple[float, float] | None = None
    line: int = 0


@dataclass(frozen=True)
class Sample:
    """A slice in memory.

    Attributes:
        record: where it comes from.
        images: sequence -> (H, W) uint8, all of one size, in the order in which a prompt names them; a sequence that
            the record lacks, or that is left out, is not there.
        boxes: of the record, or moved along with an augmented image.
    """

    record: Record
    images: Mapping[str, NDArray[np.uint8]]
    boxes: Boxes = field(default=())

    @property
    def size(self) -> Size:
        """Width and height."""
        height, width = next(iter(self.images.values())).shape
        return width, height
