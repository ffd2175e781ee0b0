"""From scans to network inputs and back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes, axcodes2ornt

from llmseg.data.config import DataConfig, LabelResizeConfig
from llmseg.data.geometry import decide
from llmseg.data.preprocessing import Recipe, prepare, square
from llmseg.data.scan import Scan
from llmseg.errors import ConfigError
from tests.data.make import one_line

PLAIN = Recipe(("one", "two"), False, "RAS", None, "zscore", None, False, 2, None)


def scan(image: np.ndarray, affine: np.ndarray | None = None) -> Scan:
    affine = np.eye(4) if affine is None else affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return Scan(image.astype(np.float32), None, affine, spacing)


def to_ras_affine(codes: str, spacing: tuple[float, ...]) -> np.ndarray:
    """Affine of a volume whose axes point as `codes` says."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, (target, flip) in enumerate(axcodes2ornt(codes)):
        affine[int(target), axis] = flip * spacing[axis]
    return affine


def probabilities(label: np.ndarray, classes: int) -> torch.Tensor:
    """What a perfect network says of a label stack (S, 1, ...)."""
    target = torch.from_numpy(label[:, 0].astype(np.int64))
    return torch.nn.functional.one_hot(target, classes + 1).movedim(-1, 1).float()


orientations = st.permutations([("L", "R"), ("P", "A"), ("I", "S")]).flatmap(
    lambda pairs: st.tuples(*(st.sampled_from(pair) for pair in pairs)).map("".join)
)


@given(codes=orientations, axis=st.sampled_from([None, 0, 1, 2]), crop=st.booleans(), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_a_perfect_prediction_comes_back_to_the_file_grid_exactly(
    codes: str, axis: int | None, crop: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (7, 6, 5)
    image = np.zeros((1, *shape))
    image[:, 1:6, 2:5, 1:4] = rng.uniform(1, 2, (1, 5, 3, 3))
    label = (rng.integers(0, 3, (1, *shape)) * (image > 0)).astype(np.uint8)
    affine = to_ras_affine(codes, (1.0, 2.0, 3.0))
    assert "".join(aff2axcodes(affine)) == codes
    recipe = replace(PLAIN, crop_foreground=crop, slice_axis=axis or 0)
    plain = prepare(scan(image, affine), label, recipe)
    if axis is not None:  # slices at their own size, so that nothing is interpolated
        in_plane = tuple(n for index, n in enumerate(plain.geometry.resampled) if index != axis)
        recipe = replace(recipe, image_size=(in_plane[0], in_plane[1]))
    prepared = prepare(scan(image, affine), label, recipe)
    assert prepared.label is not None
    back = prepared.geometry.restore(probabilities(prepared.label, 2), overlapping=False)
    np.testing.assert_array_equal(back, label)


def test_orientation_and_slicing_put_axial_slices_of_ras_first() -> None:
    volume = np.arange(24.0).reshape(1, 2, 3, 4)
    prepared = prepare(scan(volume, to_ras_affine("LPS", (1, 1, 1))), None, replace(PLAIN, image_size=(2, 3)))
    expected = np.moveaxis(volume[0, ::-1, ::-1], 2, 0)[:, None]
    restored = prepared.image * volume.std() + volume.mean()
    np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_another_spacing_keeps_the_physical_extent_and_a_blob() -> None:
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in (40, 40, 20)), indexing="ij"))
    label = (((grid - np.array([20, 20, 10])[:, None, None, None]) * [[[[1]]], [[[1]]], [[[2]]]]) ** 2).sum(0) < 100
    image = np.random.default_rng(0).normal(size=(1, 40, 40, 20))
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    recipe = replace(PLAIN, classes=("one",), spacing=(1.5, 1.5, 1.5))
    prepared = prepare(scan(image, affine), label[None].astype(np.uint8), recipe)
    assert prepared.image.shape == (1, 1, 27, 27, 27)
    assert prepared.label is not None
    volume_before, volume_after = label.sum() * 2.0, prepared.label.sum() * 1.5**3
    assert volume_after == pytest.approx(volume_before, rel=0.05)
    back = prepared.geometry.restore(torch.from_numpy(prepared.label).float(), overlapping=False)[0] > 0
    assert back.shape == label.shape
    assert 2 * (back & label).sum() / (back.sum() + label.sum()) > 0.93


def test_zscore_counts_only_what_is_not_background() -> None:
    rng = np.random.default_rng(1)
    image = np.zeros((2, 9, 9, 9))
    image[:, 2:7, 2:7, 2:7] = rng.normal([[[[100]]], [[[5]]]], [[[[20]]], [[[1]]]], (2, 5, 5, 5))
    prepared = prepare(scan(image), None, replace(PLAIN, crop_foreground=True))
    assert prepared.image.shape == (1, 2, 5, 5, 5)
    assert prepared.image.mean(axis=(0, 2, 3, 4)) == pytest.approx([0, 0], abs=1e-5)
    assert prepared.image.std(axis=(0, 2, 3, 4)) == pytest.approx([1, 1], abs=1e-5)


def test_minmax_and_window_reach_zero_and_one() -> None:
    image = np.linspace(-1000, 1000, 27).reshape(1, 3, 3, 3)
    minmax = prepare(scan(image), None, replace(PLAIN, intensity="minmax")).image
    assert (minmax.min(), minmax.max()) == (0, 1)
    window = prepare(scan(image), None, replace(PLAIN, intensity="window", window=(-125.0, 275.0))).image
    assert np.unique(window[0, 0][image[0] <= -125]).tolist() == [0]
    assert np.unique(window[0, 0][image[0] >= 275]).tolist() == [1]
    inside = (image[0] > -125) & (image[0] < 275)
    np.testing.assert_allclose(window[0, 0][inside], (image[0][inside] + 125) / 400, atol=1e-6)


def test_unit_divides_pictures_by_their_full_scale_and_takes_anything_else_as_minmax() -> None:
    image = np.array([0.0, 51, 102, 204]).reshape(1, 2, 2, 1)
    bright = replace(scan(image), full_scale=255.0)
    unit = prepare(bright, None, replace(PLAIN, intensity="unit")).image
    np.testing.assert_allclose(unit.ravel(), [0, 0.2, 0.4, 0.8], atol=1e-7)
    pm1 = prepare(bright, None, replace(PLAIN, intensity="pm1")).image
    np.testing.assert_allclose(pm1.ravel(), [-1, -0.6, -0.2, 0.6], atol=1e-7)
    volume = prepare(scan(image), None, replace(PLAIN, intensity="pm1")).image
    np.testing.assert_allclose(volume.ravel(), [-1, -0.5, 0, 1], atol=1e-7)


def test_the_crop_never_looks_at_the_label() -> None:
    image = np.zeros((1, 8, 8, 8))
    image[:, 3:6, 3:6, 3:6] = 1 + np.random.default_rng(0).random((1, 3, 3, 3))
    label = np.zeros((1, 8, 8, 8), np.uint8)
    label[0, 0, 0, 0] = 1  # outside the foreground of the image
    prepared = prepare(scan(image), label, replace(PLAIN, crop_foreground=True))
    assert prepared.geometry.crop == ((3, 6), (3, 6), (3, 6))
    assert prepared.label is not None
    assert not prepared.label.any()


def test_no_crop_where_the_corners_disagree() -> None:
    image = np.random.default_rng(0).random((1, 4, 4, 4))
    assert prepare(scan(image), None, replace(PLAIN, crop_foreground=True)).image.shape == (1, 1, 4, 4, 4)


def test_decision_is_argmax_or_one_half() -> None:
    probability = torch.tensor([[0.2, 0.6], [0.5, 0.3], [0.3, 0.1]])
    assert decide(probability, overlapping=False).tolist() == [[1, 0]]
    assert decide(probability, overlapping=True).tolist() == [[0, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"intensity": "zsore"}, "zscore"),
        ({"intensity": "window"}, "data.window"),
        ({"spacing": [1.0, 1.0]}, "data.spacing"),
        ({"image_size": [64]}, "data.image_size"),
        ({"image_size": 0}, "data.image_size"),
        ({"label_resize": LabelResizeConfig(mode="cubic")}, "data.label_resize.mode=cubic"),
        ({"label_resize": LabelResizeConfig(after=1.0)}, "data.label_resize.after=1"),
        ({"label_resize": LabelResizeConfig(before=-0.5)}, "data.label_resize.before=-0.5"),
    ],
)
def test_impossible_recipes_are_refused_in_one_line(change: dict[str, Any], word: str) -> None:
    config = DataConfig(name="x", source="x", root="x", reader=None, classes=["one"])
    with pytest.raises(ConfigError) as error:
        Recipe.of(replace(config, **change), spatial_dims=2)
    one_line(error.value, word)


def test_image_size_is_one_number_or_two() -> None:
    assert square(64) == (64, 64)
    assert square([48, 64]) == (48, 64)
