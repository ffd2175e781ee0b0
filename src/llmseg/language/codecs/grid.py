"""Coordinates as whole numbers, and boxes from what was read."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmseg.data.boxes.sample import Box, Size
from llmseg.language.codecs.base import Decoded

NONE = "none"
"""What dialects without a text of their own write where there is no box."""

_NONE = re.compile(r"\W*(none|no box(es)?)\W*", re.ASCII | re.IGNORECASE)
_MARKS = re.compile(r"</?s>|<(pad|bos|eos|unk)>|<\|(im_end|endoftext)\|>")
_COLLAPSED = 0.25


@dataclass(frozen=True)
class Grid:
    """A side of the image, cut into equal steps.

    Attributes:
        steps: along the whole side.
        last: the highest number that is written.
        offset: where in a step a number stands when it is read. 0.5: numbers are bins, written by truncation and read
            as the bin's centre. 0: numbers are marks between the steps, written by rounding. Either way a coordinate
            comes back within half a step.
    """

    steps: int
    last: int
    offset: float

    def write(self, position: float, side: float) -> int:
        """Number of a position in 0..side."""
        return max(0, min(math.floor(position / side * self.steps + 0.5 - self.offset), self.last))

    def read(self, low: float, high: float, side: float) -> tuple[float, float]:
        """Positions of a box's two edges; equal numbers are read as a box of half a step, which is written like it."""
        apart = _COLLAPSED if low == high else 0.0
        edges = low + self.offset - apart, high + self.offset + apart
        return edges[0] / self.steps * side, edges[1] / self.steps * side


@dataclass(frozen=True)
class Grids:
    """Both sides of an image.

    Attributes:
        x: along the columns.
        y: along the rows.
        size: the image's width and height in pixels.
    """

    x: Grid
    y: Grid
    size: Size

    def write(self, box: Box) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2 as numbers."""
        width, height = self.size
        return (
            self.x.write(box.x1, width),
            self.y.write(box.y1, height),
            self.x.write(box.x2, width),
            self.y.write(box.y2, height),
        )

    def read(self, numbers: Sequence[float]) -> Box | str:
        """The box of four numbers x1, y1, x2, y2, not yet clipped; or why they are none."""
        if len(numbers) != 4:
            return f"a box of {len(numbers)} numbers"
        if not all(math.isfinite(number) for number in numbers):
            return "a coordinate that is not finite"
        (x1, x2), (y1, y2) = (
            self.x.read(numbers[0], numbers[2], self.size[0]),
            self.y.read(numbers[1], numbers[3], self.size[1]),
        )
        return Box(x1, y1, x2, y2)


def both(grid: Grid, size: Size) -> Grids:
    """The same steps along both sides."""
    return Grids(grid, grid, size)


def finish(found: Sequence[Box | str], size: Size) -> Decoded:
    """Clip boxes to the image, and leave out those that cannot be.

    What is left counts; only where nothing is left, the first reason does.
    """
    checked = [_clipped(box, size) if isinstance(box, Box) else box for box in found]
    boxes = tuple(box for box in checked if isinstance(box, Box))
    reasons = [reason for reason in checked if isinstance(reason, str)]
    if boxes:
        return Decoded(boxes)
    return Decoded((), reasons[0] if reasons else "no box in the text")


def _clipped(box: Box, size: Size) -> Box | str:
    width, height = size
    if box.x2 < box.x1 or box.y2 < box.y1:
        return "a box whose second corner lies before its first"
    clipped = Box(max(box.x1, 0.0), max(box.y1, 0.0), min(box.x2, float(width)), min(box.y2, float(height)))
    if clipped.x2 > clipped.x1 and clipped.y2 > clipped.y1:
        return clipped
    is_empty = box.x2 == box.x1 or box.y2 == box.y1
    return "a box without area" if is_empty else "a box outside the image"


def says_none(text: str) -> bool:
    """Tell whether a text says that there is no box, end marks and punctuation aside."""
    return _NONE.fullmatch(_MARKS.sub(" ", text)) is not None
