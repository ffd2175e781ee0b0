"""Distances between the surfaces of two masks: one extraction and one pair of distance sets for every metric.

A surface voxel is a foreground voxel with at least one background neighbour among its face neighbours (connectivity 1,
the convention of medpy); what lies outside the image counts as background.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gamma, pi

import edt  # type: ignore[import-not-found, unused-ignore]
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_BALL = 4000
"""Offsets to try around a surface voxel before it is searched for: in 3D a radius of about ten voxels. Surfaces of
masks that resemble each other lie mostly closer, and the few nearest offsets cost a hundredth of a search."""
_FEW = 1000
"""Voxels left up to which a search is faster than trying further offsets."""
_COMPARISONS = 2e9
"""Voxels searched for times voxels searched through, up to which a k-d tree is the faster way. Beyond it (a small mask
and one that fills the image) its time explodes, while a distance transform takes the same time for any masks."""


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
    mask = np.ascontiguousarray(mask)
    inner = mask.copy()
    for axis in range(mask.ndim):
        # views with that axis first: each voxel against its two neighbours along it
        values, kept = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        kept[1:] &= values[:-1]
        kept[:-1] &= values[1:]
        kept[0] = kept[-1] = False
    return mask ^ inner


def _union_box(prediction: BoolArray, label: BoolArray) -> tuple[slice, ...]:
    """Smallest box with both masks. It needs no margin, because what lies outside an array counts as background."""
    used = [np.asarray(mask.reshape(len(mask), -1).any(axis=1)) for mask in (prediction, label)]
    first = _extent(used[0] | used[1])
    if label.ndim == 1:
        return (first,)
    shadows = [np.bitwise_or.reduce(mask[first].view(np.uint8), axis=0).view(np.bool_) for mask in (prediction, label)]
    return (first, *_union_box(*shadows))


def _extent(used: BoolArray) -> slice:
    occupied = np.flatnonzero(used)
    return slice(int(occupied[0]), int(occupied[-1]) + 1)


def _distances(prediction: BoolArray, label: BoolArray, spacing: FloatArray) -> SurfaceDistances:
    return SurfaceDistances(_directed(prediction, label, spacing), _directed(label, prediction, spacing))


def _directed(source: BoolArray, target: BoolArray, spacing: FloatArray) -> FloatArray:
    """Distance of each voxel of the source, in the array's order, to the nearest one of the target."""
    distances = np.empty(np.count_nonzero(source))
    far = np.arange(len(distances))
    if len(far) > _FEW:
        far = _look_around(source, target, tuple(spacing.tolist()), distances)
    if len(far):
        distances[far] = _search(source, target, far, spacing)
    return distances


def _look_around(source: BoolArray, target: BoolArray, spacing: tuple[float, ...], distances: FloatArray) -> IntArray:
    """Try the offsets of a ball from the centre outwards: the first that meets the target is the distance.

    Args:
        source: voxels to begin at.
        target: voxels to meet.
        spacing: voxel size.
        distances: (P,), written to where they are found.

    Returns:
        Numbers of the voxels of the source that are left.
    """
    shells = _shells(spacing)
    # with a margin, so that an offset is a step in the flat array which never leaves it or comes in at the other side
    margin = [(int(widest), int(widest)) for widest in np.abs(np.concatenate([each for _, each in shells])).max(axis=0)]
    voxels, padded = np.flatnonzero(np.pad(source, margin)), np.pad(target, margin)
    flat, left = padded.ravel(), np.arange(len(voxels))
    for distance, offsets in shells:
        if len(left) <= _FEW:
            break
        hit = np.zeros(len(left), np.bool_)
        for step in (offsets @ np.array(padded.strides)).tolist():
            hit |= flat.take(voxels + step)
        distances[left[hit]] = distance
        left, voxels = left[~hit], voxels[~hit]
    return left


@lru_cache(maxsize=16)
def _shells(spacing: tuple[float, ...]) -> list[tuple[float, IntArray]]:
    """Distances from a voxel to those around it, ascending, and the offsets (K, D) at each: all of one ball."""
    size = np.asarray(spacing)
    unit_ball = pi ** (len(size) / 2) / gamma(len(size) / 2 + 1)
    radius = (_BALL * np.prod(size) / unit_ball) ** (1 / len(size))
    reach = (radius // size).astype(np.intp)
    offsets = np.indices(2 * reach + 1).reshape(len(size), -1).T - reach
    length = np.linalg.norm(offsets * size, axis=1)
    inside = np.argsort(length)[: np.count_nonzero(length <= radius)]
    distances, first = np.unique(length[inside], return_index=True)
    return list(zip(distances.tolist(), np.split(offsets[inside], first[1:]), strict=True))


def _search(source: BoolArray, target: BoolArray, chosen: IntArray, spacing: FloatArray) -> FloatArray:
    """Distances of some voxels of the source, given by their numbers, to the target; exact and for any masks."""
    if len(chosen) * np.count_nonzero(target) > _COMPARISONS:
        return _transform(target, spacing)[source][chosen]
    points = _places(source, np.flatnonzero(source)[chosen], spacing)
    targets = _places(target, np.flatnonzero(target), spacing)
    # an even tree would answer no sooner, and takes longer to grow than to be asked
    found, _ = cKDTree(targets, balanced_tree=False, compact_nodes=False).query(points)
    return np.asarray(found)


def _places(grid: BoolArray, voxels: IntArray, spacing: FloatArray) -> FloatArray:
    return np.stack(np.unravel_index(voxels, grid.shape), axis=1) * spacing


def _transform(mask: BoolArray, spacing: FloatArray) -> FloatArray:
    # The root is taken in double precision: squared distances on a unit grid are integers, so they stay exact.
    squared = edt.edtsq(np.ascontiguousarray(~mask), anisotropy=tuple(spacing.tolist()), parallel=1)
    return np.sqrt(squared.astype(np.float64))
