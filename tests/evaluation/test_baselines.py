"""Intensity thresholds against an exhaustive search and on the built-in sample."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn import datasets  # type: ignore[import-untyped]
from numpy.typing import NDArray
from torch.nn import functional

from llmseg.evaluation.baselines import apply_thresholds, fit_thresholds


def dice(prediction: NDArray[np.bool_], label: NDArray[np.bool_]) -> float:
    return float(2 * (prediction & label).sum() / (prediction.sum() + label.sum()))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-9, 9), st.booleans()), min_size=1, max_size=60).filter(
        lambda v: any(b for _, b in v)
    )
)
def test_no_other_pair_is_better(voxels: list[tuple[int, bool]]) -> None:
    image, label = np.array([v for v, _ in voxels]), np.array([b for _, b in voxels])
    low, high = fit_thresholds([image], [label])
    found = dice(apply_thresholds(image, low, high), label)
    every = (apply_thresholds(image, a, b) for a in range(-9, 10) for b in range(a, 10))
    assert found == pytest.approx(max(dice(mask, label) for mask in every))


def test_several_images_are_pooled() -> None:
    images = [np.array([[0.0, 1.0], [2.0, 5.0]]), np.array([3.0, 4.0, 9.0])]
    labels = [images[0] == 2, (images[1] > 2) & (images[1] < 5)]
    assert fit_thresholds(images, labels) == (2, 4)


def test_a_band_between_two_tissues_is_found() -> None:
    rng = np.random.default_rng(0)
    image = np.concatenate([rng.normal(mean, 0.5, 20_000) for mean in (0, 4, 8)])
    label = np.repeat([False, True, False], 20_000)
    assert fit_thresholds([image], [label]) == pytest.approx((2, 6), abs=0.4)  # 4 sd from every mean
    assert dice(apply_thresholds(image, *fit_thresholds([image], [label])), label) > 0.999


def test_without_foreground_there_is_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="foreground"):
        fit_thresholds([np.zeros(3)], [np.zeros(3, bool)])
    with pytest.raises(ValueError, match="foreground"):
        fit_thresholds([], [])
    with pytest.raises(ValueError, match="shape"):
        fit_thresholds([np.zeros(3)], [np.zeros(4, bool)])


@pytest.mark.parametrize(("tissue", "published"), [("gm", 0.965), ("wm", 0.970)])
def test_the_averaged_brain_is_nearly_solved_by_thresholds(tissue: str, published: float) -> None:
    """Figures measured before this module was written: 96 x 96 pixels, 8 slabs of 12 mm, the 4th and 7th held out."""
    image, label = averaged_brain(tissue)
    slabs = [slice(9 + 18 * k, 21 + 18 * k) for k in range(8)]
    train, test = [slabs[k] for k in (0, 1, 2, 4, 5, 7)], [slabs[k] for k in (3, 6)]
    low, high = fit_thresholds([image[s] for s in train], [label[s] for s in train])
    prediction = apply_thresholds(np.concatenate([image[s] for s in test]), low, high)
    assert dice(prediction, np.concatenate([label[s] for s in test])) == pytest.approx(published, abs=0.002)


def averaged_brain(tissue: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Axial slices (189, 96, 96) of the MNI152 template and of a tissue, pixels averaged over their area."""
    volumes = []
    for name in ("template", f"{tissue}_template"):
        volume = getattr(datasets, f"load_mni152_{name}")(resolution=1).get_fdata(dtype=np.float32)
        slices = torch.from_numpy(volume).permute(2, 0, 1)[:, None]
        volumes.append(functional.interpolate(slices, (96, 96), mode="area")[:, 0].numpy())
    return volumes[0], volumes[1] > 0.5
