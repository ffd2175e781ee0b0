"""Surface distances against medpy, MONAI, hand-computed cases and symmetries."""

from math import inf

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from medpy.metric import binary as medpy  # type: ignore[import-untyped]
from monai.metrics import compute_surface_dice
from numpy.typing import NDArray
from scipy import ndimage

from llmseg.evaluation import surface as module
from llmseg.evaluation.surface import surface, surface_distances

Mask = NDArray[np.bool_]


def blob(shape: tuple[int, ...], seed: int, share: float = 0.3) -> Mask:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)
    return np.asarray(smooth > np.quantile(smooth, 1 - share))


GRIDS = [
    ((24, 31), (1.0, 1.0)),
    ((40, 17), (0.7, 2.5)),
    ((14, 19, 11), (1.0, 1.0, 1.0)),
    ((20, 12, 9), (0.6, 0.6, 3.0)),
]

WAYS = {"offsets": (0, inf), "tree": (inf, inf), "transform": (inf, 0)}
"""Voxels to be left before one is searched for, and comparisons above which a search is a transform."""


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
@pytest.mark.parametrize(("few", "limit"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_equals_medpy(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    few: float,
    limit: float,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FEW", few)
    monkeypatch.setattr(module, "_COMPARISONS", limit)
    prediction, label = blob(shape, seed), blob(shape, seed + 100, 0.1)
    (distances,) = surface_distances(prediction, label, spacing)
    assert distances.hd95() == pytest.approx(medpy.hd95(prediction, label, spacing), abs=1e-6)
    assert distances.assd() == pytest.approx(medpy.assd(prediction, label, spacing), abs=1e-6)
    assert distances.directed_asd() == pytest.approx(medpy.asd(prediction, label, spacing), abs=1e-6)
    assert distances.directed_asd() != pytest.approx(medpy.asd(label, prediction, spacing), abs=1e-6)


def test_equals_medpy_where_one_mask_is_far_from_most_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction, label = np.random.default_rng(0).random((72, 72, 72)) > 0.5, np.zeros((72, 72, 72), bool)
    label[3:9, 4:8, 5:7] = True
    monkeypatch.setattr(module, "_COMPARISONS", 1e6)
    spacing = (0.9, 1.1, 2.0)
    (distances,) = surface_distances(prediction, label, spacing)
    assert distances.hd95() == pytest.approx(medpy.hd95(prediction, label, spacing), rel=1e-6)
    assert distances.assd() == pytest.approx(medpy.assd(prediction, label, spacing), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(1, 13), st.sampled_from([0.3, 0.625, 1.0, 1.7, 6.0])), min_size=2, max_size=3),
    st.sampled_from([0, 3, 1000]),
)
def test_equals_every_pair_of_surface_voxels(seed: int, axes: list[tuple[int, float]], few: int) -> None:
    """However the distances are found, and whatever the shape and the spacing: each is the smallest of all pairs'."""
    shape, spacing = zip(*axes, strict=True)
    random = np.random.default_rng(seed)
    masks = [random.random(shape) < share for share in random.choice([0.02, 0.2, 0.7], 2)]
    for mask in masks:
        mask.flat[random.integers(mask.size)] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", few)
        (distances,) = surface_distances(*masks, spacing)
    thick = [n > 1 for n in shape] if max(shape) > 1 else [True, *[False] * (len(shape) - 1)]
    one, other = (np.argwhere(_outline(mask.squeeze() if mask.size > 1 else mask.ravel())) for mask in masks)
    apart = np.linalg.norm((one[:, None] - other[None]) * np.asarray(spacing)[thick], axis=2)
    np.testing.assert_allclose(distances.to_label, apart.min(axis=1), rtol=1e-12)
    np.testing.assert_allclose(distances.to_prediction, apart.min(axis=0), rtol=1e-12)


def _outline(mask: Mask) -> Mask:
    return np.asarray(mask ^ ndimage.binary_erosion(mask))


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_nsd_equals_monai(shape: tuple[int, ...], spacing: tuple[float, ...], tolerance: float) -> None:
    prediction, label = blob(shape, 1), blob(shape, 2)
    (distances,) = surface_distances(prediction, label, spacing)
    one, two = (torch.from_numpy(np.stack([~m, m])[None].astype(np.float32)) for m in (prediction, label))
    expected = compute_surface_dice(one, two, class_thresholds=[tolerance], spacing=spacing)
    assert distances.nsd(tolerance) == pytest.approx(float(expected), abs=1e-6)


def test_two_points_by_hand() -> None:
    prediction, label = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    prediction[2, 1], label[5, 5] = True, True  # 3 rows and 4 columns apart
    voxel, metric, half = surface_distances(prediction, label, (1, 1), (2.0, 0.5), (0.5, 0.5))
    assert voxel.hd95() == voxel.assd() == voxel.directed_asd() == 5
    assert metric.hd95() == pytest.approx(np.hypot(6, 2))
    assert half.hd95() == pytest.approx(2.5)
    assert (voxel.nsd(4.9), voxel.nsd(5.0)) == (0, 1)


def test_directed_asd_looks_one_way_only() -> None:
    label = np.zeros((3, 12), bool)
    label[1, 1], label[1, 9] = True, True
    prediction = np.zeros_like(label)
    prediction[1, 1] = True
    (distances,) = surface_distances(prediction, label, (1, 1))
    assert distances.directed_asd() == 0
    assert distances.assd() == pytest.approx(8 / 3)


def test_surface_counts_the_border_of_the_image() -> None:
    assert np.array_equal(surface(np.ones((4, 5), bool)), np.pad(np.zeros((2, 3), bool), 1, constant_values=True))


def test_surface_equals_erosion() -> None:
    for seed, (shape, _) in enumerate(GRIDS):
        mask = blob(shape, seed)
        assert np.array_equal(surface(mask), mask ^ ndimage.binary_erosion(mask))


def test_empty_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="not empty"):
        surface_distances(np.zeros((3, 3), bool), np.ones((3, 3), bool), (1, 1))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_symmetry_and_identity(first: int, second: int) -> None:
    a, b = blob((9, 8, 7), first), blob((9, 8, 7), second)
    spacing = (0.5, 1.0, 2.0)
    (forward,), (backward,) = surface_distances(a, b, spacing), surface_distances(b, a, spacing)
    assert forward.hd95() == pytest.approx(backward.hd95())
    assert forward.assd() == pytest.approx(backward.assd())
    assert forward.nsd(1.0) == pytest.approx(backward.nsd(1.0))
    (same,) = surface_distances(a, a, spacing)
    assert (same.hd95(), same.assd(), same.nsd(0.0)) == (0, 0, 1)


@settings(max_examples=25, deadline=None)
@given(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), st.floats(0.1, 5))
def test_moving_both_changes_nothing_and_scaling_scales(offset: tuple[int, int, int], factor: float) -> None:
    a, b = blob((8, 7, 6), 3), blob((8, 7, 6), 4)
    (here,) = surface_distances(a, b, (1, 2, 3))
    margins = [(o, 6 - o) for o in offset]
    # A margin on both sides, so that neither mask touches the border in one place only.
    (there,) = surface_distances(np.pad(a, margins), np.pad(b, margins), (factor, 2 * factor, 3 * factor))
    assert there.hd95() == pytest.approx(factor * here.hd95())
    assert there.assd() == pytest.approx(factor * here.assd())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_of_one_slice_is_measured_as_a_picture(axis: int) -> None:
    prediction, label = blob((24, 31), 0), blob((24, 31), 1)
    spacing = [0.5, 2.0]
    (flat,) = surface_distances(prediction, label, spacing)
    spacing.insert(axis, 7.0)
    (thin,) = surface_distances(np.expand_dims(prediction, axis), np.expand_dims(label, axis), spacing)
    np.testing.assert_array_equal(thin.pooled, flat.pooled)
    assert flat.hd95() == pytest.approx(medpy.hd95(prediction, label, (0.5, 2.0)))
