"""Geometry: image and label are moved by one map, and the map is what it is said to be."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from llmseg.data import warp
from llmseg.data.augmentation import Augment
from llmseg.data.config import AugmentConfig
from llmseg.errors import ConfigError

OFF = AugmentConfig(flip=[], shift=0, scale=0, intensity=0)
SIZES = [(32, 20), (16, 12, 20)]
PARTS: dict[str, Any] = {"rotate": 40.0, "shear": 0.2, "elastic": 0.06, "shift": 0.2, "scale": 0.3}


def coordinates(size: tuple[int, ...]) -> Tensor:
    """(1, D, *size): channel d of a voxel is its index along axis d."""
    return torch.stack(torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in size), indexing="ij"))[None]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("part", [*PARTS, "flip", "all"])
def test_transformed_coordinates_predict_the_transformed_label(part: str, size: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    flip = list(range(len(size)))
    chosen = {"flip": flip} | PARTS if part == "all" else {part: {"flip": flip, **PARTS}[part]}
    image = coordinates(size).repeat(6, 1, *[1] * len(size))
    label = torch.randint(0, 9, (6, 1, *size), dtype=torch.uint8)
    moved, target = Augment(replace(OFF, **chosen))(image, label)
    assert not torch.equal(target, label)
    assert target.dtype == torch.uint8
    for sample in range(6):
        place = moved[sample].unbind()
        rounded = tuple(axis.round().long() for axis in place)
        # halfway between two voxels either is right
        clear = torch.stack([(axis - axis.floor() - 0.5).abs() > 1e-3 for axis in place]).all(0)
        assert clear.float().mean() > 0.95
        assert torch.equal(label[sample, 0][rounded][clear], target[sample, 0][clear])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_axis_after_the_other_is_the_same_as_a_grid(size: tuple[int, ...], dtype: torch.dtype) -> None:
    config = replace(OFF, flip=list(range(len(size))), shift=0.2, scale=0.3)
    image, label = torch.randn(5, 2, *size, dtype=dtype), torch.randint(0, 9, (5, 3, *size), dtype=torch.uint8)
    torch.manual_seed(4)
    motion = warp.draw(len(image), size, config)
    assert motion.keeps_axes
    grid = functional.affine_grid(torch.cat([motion.matrix, motion.shift[..., None]], 2), list(image.shape), False)
    torch.manual_seed(4)
    moved, target = warp.move(image, label, config)
    torch.testing.assert_close(moved, warp.sample(image, grid.to(dtype), "bilinear"), atol=2e-5, rtol=0)
    assert target is not None
    assert (target == warp.sample(label, grid, "nearest")).float().mean() > 0.999


@pytest.mark.parametrize("size", [(16, 12, 20), (9, 2, 5), (5, 1, 7), (21, 13)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_axes_at_once_are_taken_as_grid_sample_does(size: tuple[int, ...], dtype: torch.dtype) -> None:
    config = replace(OFF, **PARTS)
    image, label = torch.randn(3, 2, *size, dtype=dtype), torch.randint(0, 9, (3, 2, *size), dtype=torch.uint8)
    torch.manual_seed(4)
    grid = warp.sampling_grid(image, warp.draw(len(image), image.shape[2:], config))
    torch.manual_seed(4)
    moved, target = warp.move(image, label, config)
    torch.testing.assert_close(moved, warp.sample(image, grid, "bilinear"), atol=2e-5, rtol=0)
    assert target is not None
    assert (target == warp.sample(label, grid, "nearest")).float().mean() > 0.999


@pytest.mark.parametrize("part", ["rotate", "shear", "elastic"])
def test_what_bends_or_turns_an_axis_does_not_keep_it(part: str) -> None:
    torch.manual_seed(0)
    assert not warp.draw(3, (8, 7, 6), replace(OFF, **{part: PARTS[part]})).keeps_axes


def test_the_strong_choice_keeps_overlapping_regions_in_step() -> None:
    torch.manual_seed(0)
    label = (torch.rand(4, 3, 16, 16) > 0.5).to(torch.uint8)
    label[:, 1] = label[:, 0]
    _, target = Augment(AugmentConfig(**PARTS))(torch.rand(4, 2, 16, 16), label)
    assert torch.equal(target[:, 0], target[:, 1])
    assert not torch.equal(target[:, 0], target[:, 2])


def test_a_rotation_keeps_lengths_and_angles_on_an_image_that_is_no_square() -> None:
    torch.manual_seed(0)
    moved, _ = Augment(replace(OFF, rotate=15.0))(coordinates((40, 90)), torch.zeros(1, 1, 40, 90, dtype=torch.uint8))
    inner = moved[0, :, 15:25, 30:60]
    down, right = inner.diff(dim=1)[:, :, :-1], inner.diff(dim=2)[:, :-1]
    for length in (down.norm(dim=0), right.norm(dim=0)):
        torch.testing.assert_close(length, torch.ones_like(length), atol=1e-4, rtol=0)
    assert (down * right).sum(0).abs().max() < 1e-4
    assert 0.5 < torch.rad2deg(torch.acos(right[1].mean().clamp(max=1))) <= 15


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_three_angles_turn_around_their_own_axes(axis: int) -> None:
    torch.manual_seed(0)
    size = (12, 14, 16)
    rotate = [0.0, 0.0, 0.0]
    rotate[axis] = 30.0
    moved, _ = Augment(replace(OFF, rotate=rotate))(coordinates(size), torch.zeros(1, 1, *size, dtype=torch.uint8))
    kept = [torch.allclose(moved[0, d], coordinates(size)[0, d], atol=1e-4) for d in range(3)]
    assert kept == [d == axis for d in range(3)]


@pytest.mark.parametrize("size", [(80, 64), (40, 32, 36)])
def test_the_largest_elastic_deformation_stays_within_its_bound_and_does_not_fold(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    image = torch.zeros(8, 1, *size)
    grid = warp.sampling_grid(image, warp.draw(len(image), image.shape[2:], replace(OFF, elastic=warp.LARGEST_ELASTIC)))
    still = warp.sampling_grid(image, warp.draw(len(image), image.shape[2:], OFF))
    assert 0.02 < ((grid - still).abs() / 2).max() <= warp.LARGEST_ELASTIC + 1e-6
    dims = len(size)
    corner = tuple(slice(n - 1) for n in size)
    # columns: how the place changes from a voxel to the next one along each axis
    steps = [grid.diff(dim=axis + 1)[(slice(None), *corner)] for axis in range(dims)]
    jacobian = torch.stack(steps, dim=-1).flip(-1)
    assert torch.linalg.det(jacobian).min() > 0


def test_beyond_the_edge_image_and_label_go_on_as_they_end() -> None:
    image = torch.tensor([[1.0, 2.0, 3.0, 4.0]]).repeat(4, 1)[None, None]
    grid = functional.affine_grid(torch.tensor([[[1.0, 0, 4], [0, 1, 0]]]), [1, 1, 4, 4], align_corners=False)
    assert (warp.sample(image, grid, "bilinear") == 4).all()
    assert (warp.sample(image.to(torch.uint8), grid, "nearest") == 4).all()


@pytest.mark.parametrize(("dtype", "size"), product([torch.float16, torch.bfloat16, torch.float64], SIZES))
def test_types_stay_and_positions_are_not_rounded_to_the_images_type(dtype: torch.dtype, size: tuple[int, ...]) -> None:
    label = torch.randint(0, 4, (2, 1, *size), dtype=torch.uint8)
    image = torch.rand(2, 1, *size)
    results = []
    for kind in (torch.float32, dtype):
        torch.manual_seed(0)
        results.append(Augment(AugmentConfig(**PARTS))(image.to(kind), label))
    assert results[1][0].dtype == dtype
    torch.testing.assert_close(results[1][0].float(), results[0][0], atol=0.02, rtol=0)
    assert (results[1][1] == results[0][1]).float().mean() > 0.999


def test_autocast_does_not_coarsen_positions() -> None:
    image, label = torch.rand(2, 1, 128, 128), torch.zeros(2, 1, 128, 128, dtype=torch.uint8)
    results = []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            results.append(Augment(AugmentConfig(**PARTS))(image, label)[0])
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("elastic", 0.2), ("rotate", -3), ("rotate", [1.0, 2.0]), ("scale", 1.0), ("cutout", 1.5), ("noise", -0.1),
        ("probability", 2),
    ],
)  # fmt: skip
def test_ranges_that_make_no_sense_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^data\.augment\.{key}="):
        Augment(replace(OFF, **{key: value}))


@pytest.mark.parametrize("size", [(6, 6), (6, 6, 4), (6, 4), (6, 4, 5)])
def test_quarter_turns_move_image_and_label_and_interpolate_nothing(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    image = torch.rand(64, 1, *size)
    label = (image > 0.5).to(torch.uint8)
    turned, moved = warp.quarter_turns(image, label)
    assert moved is not None
    assert turned.shape == image.shape
    assert torch.equal(moved, (turned > 0.5).to(torch.uint8))
    possible = range(4) if size[0] == size[1] else (0, 2)
    found = set()
    for before, after in zip(image, turned, strict=True):
        fitting = [count for count in possible if torch.equal(before.rot90(count, (1, 2)), after)]
        assert len(fitting) == 1
        found.update(fitting)
    assert found == set(possible)
    alone, nothing = warp.quarter_turns(image, None)
    assert nothing is None
    assert alone.shape == image.shape
