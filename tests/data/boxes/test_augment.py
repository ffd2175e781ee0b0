"""Images and boxes move together."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.data.boxes.augment import augment, check_augment, mirror, move
from llmseg.data.boxes.config import BoxAugmentConfig
from llmseg.data.boxes.masks import box_around
from llmseg.data.boxes.sample import Box, Sample
from llmseg.errors import ConfigError
from tests.data.boxes.slices import record
from tests.data.make import one_line

SIZE = (60, 44)
BOX = Box(20, 12, 38, 28)
OFF = BoxAugmentConfig(shift=0, scale=0, flip=False, intensity=0, gamma=0)


def white(box: Box, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A white rectangle on black."""
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = 255
    return pixels


def sample(plane: str = "axial") -> Sample:
    images = {"t2f": white(BOX), "t1c": np.random.default_rng(0).integers(0, 256, SIZE[::-1]).astype(np.uint8)}
    return Sample(record(dict.fromkeys(images, Path("x")), plane, (BOX,)), images, (BOX,))


@settings(max_examples=80, deadline=None)
@given(
    x=st.integers(0, 45), y=st.integers(0, 30), width=st.integers(6, 15), height=st.integers(6, 14),
    factor=st.floats(0.7, 1.4), right=st.floats(-12, 12), down=st.floats(-12, 12),
)  # fmt: skip
def test_box_is_where_the_moved_pixels_are(
    x: int, y: int, width: int, height: int, factor: float, right: float, down: float
) -> None:
    """The bounding box of what is brighter than half lies within a pixel of the moved box, or nothing has moved."""
    box = Box(x, y, min(x + width, SIZE[0] - 1), min(y + height, SIZE[1] - 1))
    images, (moved,) = move({"a": white(box)}, (box,), SIZE, factor, (right, down))
    assert 0 <= moved.x1 < moved.x2 <= SIZE[0]
    assert 0 <= moved.y1 < moved.y2 <= SIZE[1]
    shown = box_around(images["a"] > 127)
    assert shown is not None
    touches = (x == 0, y == 0, False, False)  # what touches an edge goes on beyond it, and its box does not
    for pixel, edge, skip in zip(shown, moved, touches, strict=True):
        assert skip or abs(pixel - edge) <= 1


@pytest.mark.parametrize(("right", "is_moved"), [(20, True), (28, True), (34, False)])
def test_a_box_that_would_lose_half_of_itself_stays(right: float, is_moved: bool) -> None:
    box = Box(20, 12, 40, 28)
    image = white(box)
    images, (moved,) = move({"a": image}, (box,), SIZE, 1.0, (right, 0))
    assert moved == (Box(20 + right, 12, min(40 + right, 60), 28) if is_moved else box)
    assert np.array_equal(images["a"], image) != is_moved


def test_a_whole_shift_is_exact() -> None:
    image = np.random.default_rng(1).integers(0, 256, SIZE[::-1]).astype(np.uint8)
    images, _ = move({"a": image}, (), SIZE, 1.0, (3, -2))
    np.testing.assert_array_equal(images["a"][:-2, 3:], image[2:, :-3])
    np.testing.assert_array_equal(images["a"][:-2, 0], image[2:, 0])


def test_mirrored_twice_is_the_same() -> None:
    given_ = sample()
    images, boxes = mirror(given_.images, given_.boxes, SIZE)
    assert box_around(images["t2f"]) == boxes[0] == Box(22, 12, 40, 28)
    images, boxes = mirror(images, boxes, SIZE)
    assert boxes == given_.boxes
    np.testing.assert_array_equal(images["t1c"], given_.images["t1c"])


@pytest.mark.parametrize(("plane", "expected"), [("axial", 2), ("coronal", 2), ("sagittal", 1)])
def test_flipped_only_where_there_is_a_left(plane: str, expected: int) -> None:
    seen = {augment(sample(plane=plane), replace(OFF, flip=True), 0, 0, index).boxes for index in range(12)}
    assert len(seen) == expected


def test_off_is_off() -> None:
    changed = augment(sample(), OFF, 0, 0, 0)
    assert changed.boxes == sample().boxes
    for name, pixels in sample().images.items():
        np.testing.assert_array_equal(changed.images[name], pixels)


def test_function_of_seed_epoch_and_index() -> None:
    config = BoxAugmentConfig(gamma=0.3, flip=True)
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    first, again = ([augment(sample(), config, *key) for key in keys] for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.boxes == other.boxes
        np.testing.assert_array_equal(one.images["t1c"], other.images["t1c"])
    assert len({each.boxes for each in first}) == len(keys)


def test_grey_values_change_on_images_alone_and_on_each_sequence_for_itself() -> None:
    image = sample().images["t1c"]
    both = Sample(sample().record, {"t2f": image, "t1c": image}, sample().boxes)
    changed = augment(both, replace(OFF, intensity=0.2, gamma=0.5), 0, 0, 0)
    assert changed.boxes == both.boxes
    assert list(changed.images) == ["t2f", "t1c"]
    assert changed.images["t2f"].dtype == np.uint8
    assert not np.array_equal(changed.images["t2f"], changed.images["t1c"])
    order = np.argsort(image, axis=None)
    assert (np.diff(changed.images["t2f"].ravel()[order].astype(int)) >= 0).all(), "brighter stays brighter"


def test_bounds_are_kept() -> None:
    config = replace(OFF, shift=0.1, scale=0.2)
    for index in range(60):
        (box,) = augment(sample(), config, 3, 0, index).boxes
        assert 1 / 1.2 - 1e-9 <= (box.x2 - box.x1) / 18 <= 1.2 + 1e-9
        assert math.isclose((box.x2 - box.x1) / 18, (box.y2 - box.y1) / 16)
        assert abs((box.x1 + box.x2) / 2 - 30 - (box.x2 - box.x1) / 18 * (29 - 30)) <= 6 + 1e-9


@pytest.mark.parametrize(
    ("changes", "key"), [({"shift": -0.1}, "shift"), ({"shift": 1.0}, "shift"), ({"gamma": math.nan}, "gamma")]
)
def test_bounds_that_make_no_sense(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_augment(replace(OFF, **changes))
    one_line(caught.value, f"data.augment.{key}")
