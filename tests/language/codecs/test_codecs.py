"""Every dialect: round trips within its step, examples written by hand, and texts that no one can read."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.data.boxes.sample import Box, Boxes, Size
from llmseg.errors import ConfigError
from llmseg.language import codecs
from llmseg.language.codecs import CODECS, get

SEEN = {None: None, (240, 240): (252, 252), (155, 240): (168, 252), (512, 384): (504, 392), (37, 1001): (28, 1008)}
SIZES = [size for size in SEEN if size is not None]


@st.composite
def images(draw: st.DrawFn) -> tuple[Size, Boxes]:
    """A size and up to three boxes inside, on quarters of a pixel."""
    size = draw(st.sampled_from(SIZES))
    boxes = []
    for _ in range(draw(st.integers(0, 3))):
        edges = []
        for side in size:
            low = draw(st.integers(0, 4 * side - 1))
            edges.append((low / 4, draw(st.integers(low + 1, 4 * side)) / 4))
        (x1, x2), (y1, y2) = edges
        boxes.append(Box(x1, y1, x2, y2))
    return size, tuple(boxes)


def steps(name: str, size: Size) -> tuple[float, float]:
    """Length of the dialect's step along x and y in pixels of the image."""
    counts = {"minigpt": (100, 100), "qwen3": (1000, 1000), "florence": (1000, 1000), "paligemma": (1024, 1024)}
    width, height = counts.get(name, size if name == "xywh" else SEEN[size])
    return size[0] / width, size[1] / height


@pytest.mark.parametrize("name", CODECS)
@given(image=images())
@settings(max_examples=60, deadline=None)
def test_round_trip(name: str, image: tuple[Size, Boxes]) -> None:
    size, boxes = image
    codec, seen = get(name), SEEN[size]
    text = codec.encode(boxes, size, seen)
    decoded = codec.decode(text, size, seen)
    assert decoded.reason is None
    assert len(decoded.boxes) == len(boxes)
    for box, back in zip(boxes, decoded.boxes, strict=True):
        for i, step in zip(range(4), [*steps(name, size)] * 2, strict=True):
            is_thin = box[i % 2 + 2] - box[i % 2] < step
            bound = (1.0 if name == "xywh" else 0.75) if is_thin else 0.5
            assert abs(box[i] - back[i]) <= bound * step + 1e-9
    assert codec.encode(decoded.boxes, size, seen) == text
    assert re.fullmatch(codec.grammar() or "", text)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("size", SIZES)
def test_full_image_and_single_corner_pixels(name: str, size: Size) -> None:
    width, height = size
    boxes = (Box(0, 0, width, height), Box(0, 0, 1, 1), Box(width - 1, height - 1, width, height))
    codec, seen = get(name), SEEN[size]
    text = codec.encode(boxes, size, seen)
    assert codec.encode(codec.decode(text, size, seen).boxes, size, seen) == text


HAND_WRITTEN = [
    # tumour at x 96..164, y 84..152 of 240 x 240, the example of the post
    ("minigpt", Box(96, 84, 164, 152), "{<40><35><68><63>}"),
    ("qwen3", Box(96, 84, 164, 152), '[{"bbox_2d": [400, 350, 683, 633], "label": "tumour"}]'),
    ("qwen2_5", Box(96, 84, 164, 152), '[{"bbox_2d": [101, 88, 172, 160], "label": "tumour"}]'),  # 240 -> 252
    ("florence", Box(96, 84, 164, 152), "tumour<loc_400><loc_350><loc_683><loc_633>"),
    ("paligemma", Box(96, 84, 164, 152), "<loc0358><loc0409><loc0648><loc0699> tumour"),  # y first
    ("xywh", Box(96, 84, 164, 152), "[96, 84, 68, 68]"),
]


@pytest.mark.parametrize(("name", "box", "text"), HAND_WRITTEN)
def test_examples_written_by_hand(name: str, box: Box, text: str) -> None:
    assert get(name).encode([box], (240, 240), (252, 252)) == text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("minigpt", "<p>tumor</p> { <10> <20><unk> <30><40>} </s>", [(25.2, 49.2, 73.2, 97.2)]),
        ("minigpt", "{<0><0><100><100>}", [(1.2, 1.2, 240, 240)]),
        ("minigpt", "{<10><20><30><40>", [(25.2, 49.2, 73.2, 97.2)]),
        ("minigpt", "{<10><20><30><40>}<delim>{<50><60><7", [(25.2, 49.2, 73.2, 97.2)]),
        ("qwen3", '```json\n[\n\t{"bbox_2d": [100, 200, 300, 400], "label": "glioma"}\n]\n```', [(24, 48, 72, 96)]),
        ("qwen3", "The tumour is at [100, 200, 300.0, 400] in image 1.", [(24, 48, 72, 96)]),
        ("qwen3", '{"bbox_2d": [100, 200, 300, 400], "points": [1, 2]}', [(24, 48, 72, 96)]),
        ("qwen3", "[{'bbox_2d': [100, 200, 300, 400]}, {'bbox_2d': [500, 5", [(24, 48, 72, 96)]),
        ("qwen3", '{"bbox_2d": [[100, 200, 300, 400]]}', [(24, 48, 72, 96)]),
        ("qwen3", "[-50, 0, 1200, 1e3]", [(0, 0, 240, 240)]),
        ("qwen2_5", '[{"bbox_2d": [126, 63, 252, 126]}]', [(120, 60, 240, 120)]),
        ("florence", "</s><s>glioma<loc_0><loc_0><loc_999><loc_999></s>", [(0.12, 0.12, 239.88, 239.88)]),
        ("paligemma", "<loc0000><loc0512><loc0512><loc1023> glioma<eos>", [(120.12, 0.12, 239.88, None)]),
        ("xywh", "[[96, 84, 68, 68]]", [(96, 84, 164, 152)]),
        ("xywh", "96, 84, 68, 68", [(96, 84, 164, 152)]),
        ("xywh", "[200, 200, 100, 100]", [(200, 200, 240, 240)]),
    ],
)
def test_reads_what_a_reader_would(name: str, text: str, expected: list[tuple[float | None, ...]]) -> None:
    decoded = get(name).decode(text, (240, 240), (252, 252))
    assert decoded.reason is None
    assert len(decoded.boxes) == len(expected)
    for box, numbers in zip(decoded.boxes, expected, strict=True):
        for value, number in zip(box, numbers, strict=True):
            assert number is None or value == pytest.approx(number, abs=0.003)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("minigpt", "", "no box"),
        ("minigpt", "the tumour is on the left", "no box"),
        ("minigpt", "{<10><20><30>}", "3 numbers"),
        ("minigpt", "{<10><20><30><40><50>}", "5 numbers"),
        ("minigpt", "{<50><20><30><40>}", "before its first"),
        ("minigpt", "{<500><500><600><600>}", "outside"),
        ("minigpt", "{<1000><0><50><50>}", "3 numbers"),
        ("qwen3", "[1, 2, 3]", "3 numbers"),
        ("qwen3", '[{"bbox_2d": [1, 2, 3, 4, 5]}]', "5 numbers"),
        ("qwen3", "[NaN, 0, 1, 1]", "something else"),
        ("qwen3", f"[0, 0, {'9' * 400}, 5]", "not finite"),
        ("qwen3", '[{"box_2d": [10, 20, 30, 40]}]', "another order"),
        ("qwen3", '[{"bbox_2d": [100, 200, 30', "no box"),
        ("qwen3", "none of [these]", "something else"),
        ("florence", "tumour<loc_1><loc_2><loc_3><loc_4><loc_5>", "5 location"),
        ("paligemma", "<loc0900><loc0100><loc0200><loc0200> tumour", "before its first"),
        ("xywh", "[10, 10, 0, 5]", "without area"),
        ("xywh", "[10, 10, -5, 5]", "before its first"),
        ("xywh", "[1e308, 0, 1e308, 5]", "outside"),
        ("xywh", "about 5", "something else"),
    ],
)
def test_says_why_not(name: str, text: str, reason: str) -> None:
    decoded = get(name).decode(text, (240, 240))
    assert not decoded.boxes
    assert reason in str(decoded.reason)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("text", ["None.", "none</s>", " none<|im_end|>", "No box", "`none`"])
def test_no_box(name: str, text: str) -> None:
    assert get(name).decode(text, (9, 9)) == codecs.Decoded(())


@pytest.mark.parametrize("text", ["[]", "```json\n[]\n```", "[ ]<|im_end|>"])
def test_empty_json(text: str) -> None:
    assert get("qwen3").decode(text, (9, 9)) == codecs.Decoded(())


_PIECES = st.sampled_from(
    ["{", "}", "<", ">", "[", "]", ",", '"bbox_2d": ', "<loc_", "<loc", "9" * 5000, "12", "7", "-", ".", "e999", "NaN"]
)
_GARBAGE = st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map("".join), st.just("[" * 100_000))


@pytest.mark.parametrize("name", CODECS)
@given(text=_GARBAGE, size=st.sampled_from(SIZES))
@settings(max_examples=60, deadline=None)
def test_reads_any_text(name: str, text: str, size: Size) -> None:
    decoded = get(name).decode(text, size, SEEN[size])
    for box in decoded.boxes:
        assert all(math.isfinite(number) for number in box)
        assert 0 <= box.x1 < box.x2 <= size[0]
        assert 0 <= box.y1 < box.y2 <= size[1]
    assert not (decoded.boxes and decoded.reason)


@pytest.mark.parametrize("name", CODECS)
@given(image=images(), cut=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_reads_truncated_answers(name: str, image: tuple[Size, Boxes], cut: int) -> None:
    size, boxes = image
    whole = get(name).decode(get(name).encode(boxes, size), size).boxes
    read = get(name).decode(get(name).encode(boxes, size)[:cut], size).boxes
    if name not in ("minigpt", "xywh"):  # there a number may be cut, and read as another
        assert read == whole[: len(read)]


def test_unknown_names_and_labels() -> None:
    with pytest.raises(ConfigError, match="did you mean florence"):
        get("florense")
    with pytest.raises(ConfigError, match="label"):
        get("qwen3", 'a "b"')
    assert get("qwen3", "left atrium").encode([Box(0, 0, 1, 1)], (2, 2)).endswith('"left atrium"}]')
