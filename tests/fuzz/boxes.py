"""Texts that a language model might write, in every dialect of boxes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from llmseg.language.codecs import CODECS, get

_PIECES = (
    "<loc_", "<loc", ">", "{<", "><", "}", "[", "]", "(", ")", ",", ".", "-", "e", " ", "\n", "null", "none", "NaN",
    "Infinity", "bbox_2d", "label", "box", "tumour", "no tumour", "<p>", "</p>", "```json", "```", '"', ":", "<box>",
    "1", "99", "1000", "9" * 400, "0.5", "1e999", "٣", "²", "\ud800", "\0",
)  # fmt: skip
_SIZES = st.tuples(st.integers(1, 2000), st.integers(1, 2000))
_TEXTS = st.one_of(
    st.text(), st.lists(st.one_of(st.sampled_from(_PIECES), st.integers().map(str), st.floats().map(str))).map("".join)
)


@given(name=st.sampled_from(sorted(CODECS)), text=_TEXTS, size=_SIZES, seen=st.one_of(st.none(), _SIZES))
def target(name: str, text: str, size: tuple[int, int], seen: tuple[int, int] | None) -> None:
    """Never raises, and gives boxes inside the image, in order."""
    for box in get(name).decode(text, size, seen).boxes:
        assert all(map(math.isfinite, box)), box
        assert 0 <= box.x1 < box.x2 <= size[0], box
        assert 0 <= box.y1 < box.y2 <= size[1], box
