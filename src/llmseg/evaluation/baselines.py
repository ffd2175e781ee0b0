"""A baseline without learning: everything between two intensities is foreground.

On an averaged brain such as the built-in sample this comes close to any network, which is why its row stands beside the
networks' there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
CANDIDATES = 512


def fit_thresholds(images: Sequence[NDArray[Any]], labels: Sequence[BoolArray]) -> tuple[float, float]:
    """The closed intensity range with the highest Dice over all given voxels.

    Both ends of the best range are intensities of the foreground, so only those are tried: all of them, or
    `CANDIDATES` quantiles where there are more. Voxels are counted into a histogram once, then every pair is scored.

    Args:
        images: arrays of any shape, intensities comparable between them.
        labels: masks of the same shapes.

    Returns:
        (low, high): foreground is low <= intensity <= high.

    Raises:
        ValueError: there is no foreground at all, or numbers or shapes of images and labels differ.
    """
    if len(images) != len(labels) or any(i.shape != m.shape for i, m in zip(images, labels, strict=False)):
        raise ValueError("images and labels differ in number or shape")
    foreground = np.concatenate([image[label] for image, label in zip(images, labels, strict=True)] or [np.empty(0)])
    if not foreground.size:
        raise ValueError("thresholds need at least one foreground voxel")
    ends = np.unique(foreground)
    if len(ends) > CANDIDATES:
        ends = np.unique(np.quantile(foreground, np.linspace(0, 1, CANDIDATES), method="nearest"))
    hits = _counts_within(ends, [foreground])
    total = _counts_within(ends, images)
    dice = 2 * hits / (foreground.size + total)
    low, high = np.unravel_index(int(np.argmax(dice)), dice.shape)
    return float(ends[low]), float(ends[high])


def apply_thresholds(image: NDArray[Any], low: float, high: float) -> BoolArray:
    """Mask of the voxels with low <= intensity <= high."""
    return np.asarray((image >= low) & (image <= high))


def _counts_within(ends: NDArray[Any], images: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Number of voxels with ends[i] <= value <= ends[j] at [i, j], or 0 below the diagonal."""
    at_most = np.zeros(len(ends), dtype=np.int64)
    below = np.zeros(len(ends), dtype=np.int64)
    for image in images:
        values = image.ravel()
        for counts, side in ((at_most, "left"), (below, "right")):
            where = np.searchsorted(ends, values, side=side)  # type: ignore[call-overload]
            counts += np.cumsum(np.bincount(where, minlength=len(ends) + 1))[: len(ends)]
    return np.triu(at_most[None, :] - below[:, None])
