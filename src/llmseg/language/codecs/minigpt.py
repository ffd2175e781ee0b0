"""MiniGPT-v2's and MiniGPT-Med's boxes: `{<x1><y1><x2><y2>}`."""

import re
from collections.abc import Sequence
from typing import ClassVar

from llmseg.data.boxes.sample import Box, Size
from llmseg.language.codecs.base import Codec, Decoded
from llmseg.language.codecs.grid import NONE, Grid, both, finish, says_none

_GRID = Grid(steps=100, last=100, offset=0.5)
_RUN = re.compile(r"(?:<\d{1,3}>)+", re.ASCII)
_NUMBER = re.compile(r"<(\d+)>")
_IGNORED = re.compile(r"<unk>|\s")


class MiniGPTCodec(Codec):
    """Whole per cent of the sides, `int(x / W * 100)`, in plain digits (Chen et al., 2023, arXiv:2310.09478).

    Several boxes are joined by `<delim>`; no box is `none`. Numbers are truncated when written, so they are read as the
    middle of their per cent: a coordinate comes back within half a per cent of the side, three quarters where a box is
    so thin that both edges have one number. (The authors read the lower edge, x / 100 * W, which shifts every box by
    half a per cent.) As they do, `<unk>` and spaces are overlooked; so are missing braces around four numbers.
    """

    name: ClassVar[str] = "minigpt"

    def __init__(self, label: str = "") -> None:
        del label  # never written

    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """See the class."""
        grids = both(_GRID, size)
        numbers = ("".join(f"<{number}>" for number in grids.write(box)) for box in boxes)
        return "<delim>".join(f"{{{box}}}" for box in numbers) or NONE

    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """See the class."""
        if says_none(text):
            return Decoded(())
        runs = _RUN.findall(_IGNORED.sub("", text))
        grids = both(_GRID, size)
        return finish([grids.read([float(n) for n in _NUMBER.findall(run)]) for run in runs], size)

    def grammar(self) -> str:
        """See the base class."""
        box = r"\{(<(100|0|[1-9]\d?)>){4}\}"
        return f"{box}(<delim>{box}){{0,{self.longest - 1}}}|{NONE}"
