"""PaliGemma's boxes: `<locYYYY><locXXXX><locYYYY><locXXXX> label`."""

import re
from collections.abc import Sequence
from typing import ClassVar

from llmseg.data.boxes.sample import Box, Size
from llmseg.language.codecs.base import Codec, Decoded
from llmseg.language.codecs.grid import NONE, Grid, both, finish, says_none

_GRID = Grid(steps=1024, last=1023, offset=0.5)
_RUN = re.compile(r"<loc\d{4}>(?:\s*<loc\d{4}>)*", re.ASCII)
_NUMBER = re.compile(r"\d{4}", re.ASCII)


class PaliGemmaCodec(Codec):
    """1024 bins a side, each a token of its own; y before x (Beyer et al., 2024, arXiv:2407.07726).

    Several boxes are joined by ` ; `; no box is `none`. Numbers are bins, read as their centre: a coordinate comes back
    within half a bin, three quarters where both edges fall into one.
    """

    name: ClassVar[str] = "paligemma"

    def __init__(self, label: str = "tumour") -> None:
        self.label = label

    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """See the class."""
        grids = both(_GRID, size)
        numbers = [grids.write(box) for box in boxes]
        texts = [f"<loc{y1:04d}><loc{x1:04d}><loc{y2:04d}><loc{x2:04d}> {self.label}" for x1, y1, x2, y2 in numbers]
        return " ; ".join(texts) or NONE

    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """See the class; other labels are read too."""
        if says_none(text):
            return Decoded(())
        grids = both(_GRID, size)
        found: list[Box | str] = []
        for run in _RUN.findall(text):
            numbers = [float(number) for number in _NUMBER.findall(run)]
            if len(numbers) != 4:
                found.append(f"a box of {len(numbers)} location tokens")
                continue
            y1, x1, y2, x2 = numbers
            found.append(grids.read([x1, y1, x2, y2]))
        return finish(found, size)

    def grammar(self) -> str:
        """See the base class."""
        box = rf"(<loc(0\d{{3}}|10[01]\d|102[0-3])>){{4}} {self.label}"
        return f"{box}( ; {box}){{0,{self.longest - 1}}}|{NONE}"
