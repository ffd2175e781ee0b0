"""Distances between the surfaces of two masks: one extraction and one pair of distance sets for every metric.

A surface voxel is a foreground voxel with at least one background neighbour among its face neighbours (connectivity 1,
the convention of medpy); what lies outside the image counts as background.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import edt  # type: ignore[import-not-found, unused-ignore]
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

# Up to this many surface voxels a k-d tree is the faster way and exact in double precision. Beyond it (noise, a mask
# that fills the image) its time explodes, while a distance transform takes the same time whatever the masks look like.
TREE_LIMIT = 50_000


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between the surfaces of a prediction and a label, in the unit of the spacing they were computed with.

    Attributes:
        to_label: from each surface voxel of the prediction to the nearest one of the label, shape (P,).
        to_prediction: from each surface voxel of the label to the nearest one of the prediction, shape (L,).
    """

    to_label: FloatArray
    to_prediction: FloatArray

    @property
    def pooled(self) -> FloatArray:
        """Both directions together, shape (P + L,)."""
        return np.concatenate((self.to_label, self.to_prediction))

    def hd95(self) -> float:
        """95 % Hausdorff distance: 95th percentile of both directions pooled (medpy's `hd95`)."""
        return float(np.percentile(self.pooled, 95))

    def assd(self) -> float:
        """Average symmetric surface distance: mean of both directions pooled (Heimann et al. 2009, IEEE TMI 28(8))."""
        return float(self.pooled.mean())

    def directed_asd(self) -> float:
        """Mean distance from the prediction's surface to the label's only, which tables of the field call ASD."""
        return float(self.to_label.mean())

    def nsd(self, tolerance: float) -> float:
        """Normalised surface Dice: share of all surface voxels within `tolerance` of the other surface.

        Nikolov et al. 2021 (JMIR 23(7)) with surface voxels counted, as MONAI does, rather than surface areas.
        """
        return float((self.pooled <= tolerance).mean())

    def scaled(self, factor: float) -> "SurfaceDistances":
        """The same distances in another unit."""
        return SurfaceDistances(self.to_label * factor, self.to_prediction * factor)


def surface_distances(prediction: BoolArray, label: BoolArray, *spacings: Sequence[float]) -> list[SurfaceDistances]:
    """Measure two non-empty masks of one shape, 2D or 3D, once for each given spacing.

    Axes of length 1 do not count: a volume of one slice is measured in 2D.

    Args:
        prediction: mask.
        label: mask of the same shape.
        spacings: voxel sizes, one number an axis, e.g. millimetres and (1, 1, 1) for voxel units. Spacings that are
            multiples of one another share one computation.

    Raises:
        ValueError: a mask is empty.
    """
    if not (prediction.any() and label.any()):
        raise ValueError("surface distances need two masks that are not empty")
    # A picture is a volume of one slice: its masks have an outline, but in 3D every pixel of them would be surface.
    thick = [axis for axis, size in enumerate(label.shape) if size > 1] or [0]
    flat = [label.shape[axis] for axis in thick]
    prediction, label = prediction.reshape(flat), label.reshape(flat)
    spacings = tuple([spacing[axis] for axis in thick] for spacing in spacings)
    box = _union_box(prediction, label)
    surfaces = surface(prediction[box]), surface(label[box])
    done: list[tuple[FloatArray, SurfaceDistances]] = []
    results = []
    for spacing in spacings:
        size = np.asarray(spacing, dtype=np.float64)
        for known, distances in done:
            if np.allclose(size / known, size[0] / known[0], rtol=1e-12, atol=0):
                results.append(distances.scaled(float(size[0] / known[0])))
                break
        else:
            done.append((size, _distances(*surfaces, size)))
            results.append(done[-1][1])
    return results


def surface(mask: BoolArray) -> BoolArray:
    """Voxels of the mask with a background face neighbour; outside the array is background."""
    padded = np.pad(mask, 1)
    inner = mask.copy()
    centre = slice(1, -1)
    for axis in range(mask.ndim):
        for shifted in (slice(None, -2), slice(2, None)):
            inner &= padded[tuple(shifted if a == axis else centre for a in range(mask.ndim))]
    return mask & ~inner


def _union_box(prediction: BoolArray, label: BoolArray) -> tuple[slice, ...]:
    """Smallest box with both masks. It needs no margin, because what lies outside an array counts as background."""
    union = prediction | label
    box = []
    for axis in range(union.ndim):
        occupied = np.flatnonzero(union.any(axis=tuple(a for a in range(union.ndim) if a != axis)))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)


def _distances(prediction: BoolArray, label: BoolArray, spacing: FloatArray) -> SurfaceDistances:
    if np.count_nonzero(prediction) + np.count_nonzero(label) > TREE_LIMIT:
        return SurfaceDistances(_transform(label, spacing)[prediction], _transform(prediction, spacing)[label])
    points, targets = np.argwhere(prediction) * spacing, np.argwhere(label) * spacing
    to_label, _ = cKDTree(targets).query(points)
    to_prediction, _ = cKDTree(points).query(targets)
    return SurfaceDistances(np.asarray(to_label), np.asarray(to_prediction))


def _transform(mask: BoolArray, spacing: FloatArray) -> FloatArray:
    # The root is taken in double precision: squared distances on a unit grid are integers, so they stay exact.
    squared = edt.edtsq(np.ascontiguousarray(~mask), anisotropy=tuple(spacing.tolist()), parallel=1)
    return np.sqrt(squared.astype(np.float64))
