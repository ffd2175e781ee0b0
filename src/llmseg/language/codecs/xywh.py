"""Plain boxes as in summary.jsonl: `[x, y, w, h]`."""

import math
from collections.abc import Sequence
from typing import ClassVar

from llmseg.data.boxes.sample import Box, Size
from llmseg.language.codecs.base import Codec, Decoded
from llmseg.language.codecs.grid import finish, says_none
from llmseg.language.codecs.lists import is_empty_list, number_lists, numbers


class XYWHCodec(Codec):
    """Whole pixels of the image: left, top, width, height, as COCO has them.

    Several boxes are joined by `; `; no box is `none`. Edges are rounded, so that a coordinate comes back within half a
    pixel; a box of less than a pixel is made one wide, which moves an edge by one pixel at most.
    """

    name: ClassVar[str] = "xywh"

    def __init__(self, label: str = "") -> None:
        del label  # never written

    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """See the class."""
        texts = []
        for box in boxes:
            (x, w), (y, h) = _extent(box.x1, box.x2, size[0]), _extent(box.y1, box.y2, size[1])
            texts.append(f"[{x}, {y}, {w}, {h}]")
        return "; ".join(texts) or "none"

    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """See the class; four numbers with no brackets and nothing else are read too."""
        if says_none(text) or is_empty_list(text):
            return Decoded(())
        found = list(number_lists(text)) or [numbers(text)]
        return finish([part if isinstance(part, str) else _box(part) for part in found], size)

    def grammar(self) -> str:
        """See the base class."""
        number = r"(0|[1-9]\d{0,3})"
        extent = r"[1-9]\d{0,3}"
        box = rf"\[{number}, {number}, {extent}, {extent}\]"
        return rf"{box}(; {box}){{0,{self.longest - 1}}}|none"


def _extent(low: float, high: float, side: int) -> tuple[int, int]:
    """Start and length in whole pixels, of one pixel at least."""
    start, end = math.floor(low + 0.5), math.floor(high + 0.5)
    return (start, end - start) if end > start else (min(math.floor(low), side - 1), 1)


def _box(read: Sequence[float]) -> Box | str:
    if len(read) != 4:
        return f"a box of {len(read)} numbers"
    if not all(math.isfinite(number) for number in read):
        return "a coordinate that is not finite"
    x, y, w, h = read
    return Box(x, y, x + w, y + h)
