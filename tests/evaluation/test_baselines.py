"""Intensity thresholds against an exhaustive search and on the built-in sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn import datasets  # type: ignore[import-untyped]
from numpy.typing import NDArray

from llmseg.evaluation.baselines import CANDIDATES, apply_thresholds, fit_thresholds


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


def test_no_other_pair_is_better_on_the_averaged_brain() -> None:
    slab = slice(63, 75)
    image = datasets.load_mni152_template(resolution=1).get_fdata(dtype=np.float32)[..., slab]
    label = datasets.load_mni152_gm_template(resolution=1).get_fdata(dtype=np.float32)[..., slab] > 0.5
    low, high = fit_thresholds([image[:100], image[100:]], [label[:100], label[100:]])
    found = dice(apply_thresholds(image, low, high), label)
    levels = np.unique(image)
    first, last = np.searchsorted(levels, [low, high])
    near = {(first + i, last + j) for i in range(-3, 4) for j in range(-3, 4)}
    everywhere = {(i, j) for i in range(0, len(levels), 16) for j in range(i, len(levels), 16)}
    others = [dice(apply_thresholds(image, levels[i], levels[j]), label) for i, j in near | everywhere]
    assert found == max(others)


def test_more_foreground_levels_than_candidates_cost_little() -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(0, 1, 4000)
    label = (image > -0.5) & (image < 0.7) ^ (rng.random(4000) < 0.1)
    found = dice(apply_thresholds(image, *fit_thresholds([image], [label])), label)
    ends = np.sort(image[label])
    assert len(ends) > CANDIDATES
    exact = max(dice(apply_thresholds(image, a, b), label) for a in ends[::40] for b in ends[::40] if b >= a)
    assert found > exact - 2 / CANDIDATES  # one quantile lost at each end
