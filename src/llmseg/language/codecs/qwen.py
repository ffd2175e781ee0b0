"""Qwen's boxes: JSON, `[{"bbox_2d": [x1, y1, x2, y2], "label": "tumour"}]`."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from llmseg.data.boxes.sample import Box, Size
from llmseg.language.codecs.base import Codec, Decoded
from llmseg.language.codecs.grid import Grid, Grids, both, finish, says_none
from llmseg.language.codecs.lists import Y_FIRST, is_empty_list, number_lists


class _QwenCodec(Codec):
    """A JSON list with one object a box; no box is `[]`.

    Read are also lists in code fences, in the middle of other text, without keys, of floats, cut off after a whole box.
    """

    numbers: ClassVar[str]
    """Regular expression of a coordinate."""

    def __init__(self, label: str = "tumour") -> None:
        self.label = label

    @abstractmethod
    def _grids(self, size: Size, seen: Size | None) -> Grids:
        """In what the dialect counts."""

    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """See the class."""
        grids = self._grids(size, seen)
        items = [f'{{"bbox_2d": {list(grids.write(box))}, "label": "{self.label}"}}' for box in boxes]
        return f"[{', '.join(items)}]"

    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """See the class."""
        if says_none(text) or is_empty_list(text):
            return Decoded(())
        if Y_FIRST.search(text):
            return Decoded((), "a list under box_2d, whose coordinates have another order")
        grids = self._grids(size, seen)
        found = [part if isinstance(part, str) else grids.read(part) for part in number_lists(text)]
        return finish(found, size)

    def grammar(self) -> str:
        """See the base class."""
        item = rf'\{{"bbox_2d": \[{self.numbers}(, {self.numbers}){{3}}\], "label": "{self.label}"\}}'
        return rf"\[({item}(, {item}){{0,{self.longest - 1}}})?\]"


class Qwen3Codec(_QwenCodec):
    """Qwen3-VL: thousandths of the sides, whatever the image is resized to (Bai et al., 2025, arXiv:2511.21631).

    Numbers are rounded: a coordinate comes back within half a thousandth of the side, three quarters where both edges
    round to one number.
    """

    name: ClassVar[str] = "qwen3"
    numbers: ClassVar[str] = r"(1000|0|[1-9]\d{0,2})"

    def _grids(self, size: Size, seen: Size | None) -> Grids:
        return both(Grid(steps=1000, last=1000, offset=0.0), size)


class Qwen25Codec(_QwenCodec):
    """Qwen2.5-VL: pixels of the resized image, which is `seen` (Bai et al., 2025, arXiv:2502.13923).

    Numbers are rounded: a coordinate comes back within half a pixel of the resized image, three quarters where both
    edges round to one number. Without `seen` the image counts as not resized.
    """

    name: ClassVar[str] = "qwen2_5"
    numbers: ClassVar[str] = r"(0|[1-9]\d{0,3})"

    def _grids(self, size: Size, seen: Size | None) -> Grids:
        width, height = seen or size
        return Grids(Grid(width, width, 0.0), Grid(height, height, 0.0), size)
