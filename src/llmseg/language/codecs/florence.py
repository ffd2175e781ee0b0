"""Florence-2's boxes: `label<loc_x1><loc_y1><loc_x2><loc_y2>`."""

import re
from collections.abc import Sequence
from typing import ClassVar

from llmseg.data.boxes.sample import Box, Size
from llmseg.language.codecs.base import Codec, Decoded
from llmseg.language.codecs.grid import NONE, Grid, both, finish, says_none

_GRID = Grid(steps=1000, last=999, offset=0.5)
_RUN = re.compile(r"<loc_\d{1,3}>(?:\s*<loc_\d{1,3}>)*", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)


class FlorenceCodec(Codec):
    """A thousand bins a side, each a token of its own (Xiao et al., 2024, arXiv:2311.06242).

    Several boxes of one label follow each other; no box is `none`. Numbers are bins, read as their centre like the
    processor of transformers does: a coordinate comes back within half a thousandth of the side, three quarters where
    both edges fall into one bin.
    """

    name: ClassVar[str] = "florence"

    def __init__(self, label: str = "tumour") -> None:
        self.label = label

    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """See the class."""
        grids = both(_GRID, size)
        tokens = "".join(f"<loc_{number}>" for box in boxes for number in grids.write(box))
        return f"{self.label}{tokens}" if tokens else NONE

    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """See the class; other labels are read too."""
        if says_none(text):
            return Decoded(())
        grids = both(_GRID, size)
        found: list[Box | str] = []
        for run in _RUN.findall(text):
            numbers = [float(number) for number in _NUMBER.findall(run)]
            if len(numbers) % 4:
                found.append(f"{len(numbers)} location tokens in a row, which make no whole boxes")
                continue
            found += [grids.read(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]
        return finish(found, size)

    def grammar(self) -> str:
        """See the base class."""
        return rf"{self.label}((<loc_(0|[1-9]\d{{0,2}})>){{4}}){{1,{self.longest}}}|{NONE}"
