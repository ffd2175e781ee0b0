"""Slices, their sides and their pixels."""

import numpy as np
import pytest

from llmseg.data.boxes.make import plane_of as of_make
from llmseg.data.boxes.masks import box_around, boxes_around
from llmseg.data.boxes.planes import PLANES, axis_of, left_is, plane_of, spacing_of
from llmseg.data.boxes.sample import Box
from llmseg.errors import ConfigError
from tests.data.boxes.slices import BLOCK, EXPECTED, SHAPE, SPACING, SPACINGS, volume
from tests.data.make import one_line


@pytest.mark.parametrize("plane", PLANES)
def test_known_box_in_each_plane(plane: str) -> None:
    _, mask = volume()
    index = BLOCK[axis_of(plane)].start
    assert box_around(plane_of(mask, plane, index)) == EXPECTED[plane]
    assert spacing_of(plane, SPACING) == SPACINGS[plane]


def test_corners_in_radiological_convention() -> None:
    """Written out voxel by voxel: where the top left pixel of each plane comes from."""
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    x, y, z = (size - 1 for size in SHAPE)
    assert plane_of(values, "axial", 3)[0, 0] == values[x, y, 3]
    assert plane_of(values, "coronal", 3)[0, 0] == values[x, 3, z]
    assert plane_of(values, "sagittal", 3)[0, 0] == values[3, y, z]
    assert plane_of(values, "axial", 3).shape == (SHAPE[1], SHAPE[0])
    assert plane_of(values, "coronal", 3)[2, 4] == values[x - 4, 3, z - 2]


def test_leading_axes_are_kept() -> None:
    image, mask = volume()
    both = plane_of(np.stack([image, mask]), "coronal", 7)
    np.testing.assert_array_equal(both[1], plane_of(mask, "coronal", 7))


def test_left() -> None:
    assert [left_is(plane) for plane in PLANES] == [None, "right", "right"]
    assert of_make is plane_of


def test_unknown_plane() -> None:
    with pytest.raises(ConfigError) as caught:
        plane_of(volume()[0], "axiall", 0)
    one_line(caught.value, "did you mean axial?")


def test_components_are_8_connected_and_large_enough() -> None:
    mask = np.zeros((8, 9), np.uint8)
    mask[0, 0] = mask[1, 1] = 3
    mask[3:6, 4:8] = 1
    mask[7, 0] = 1
    assert boxes_around(mask, 2) == (Box(4, 3, 8, 6), Box(0, 0, 2, 2))
    assert len(boxes_around(mask)) == 3
    assert box_around(mask) == Box(0, 0, 8, 8)
    assert boxes_around(np.zeros((3, 3))) == ()
    assert box_around(np.zeros((3, 3))) is None
