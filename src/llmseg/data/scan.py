"""From a case's files to arrays."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseg.data.cases import Case
from llmseg.data.files import read_voxels
from llmseg.data.formats import picture
from llmseg.data.validation import read_common_header, shorten
from llmseg.errors import ConfigError, DataError

# A header's scale is float32: 255 * float32(1 / 255) is not exactly 1.
_INTEGER_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Scan:
    """A case's voxels on the grid of its files.

    Attributes:
        image: (C, X, Y, Z) float32.
        label: (X, Y, Z) raw integers of the label file, or None.
        affine: (4, 4) voxel index to millimetres, float64.
        spacing: (3,) voxel size in mm, float64.
        full_scale: largest value that a picture's type holds (255 for 8 bits); None for other scans.
    """

    image: NDArray[np.float32]
    label: NDArray[np.integer[Any]] | None
    affine: NDArray[np.float64]
    spacing: NDArray[np.float64]
    full_scale: float | None = None


def load_scan(case: Case, label: bool = True) -> Scan:
    """Read all channels of a case, and its label.

    Args:
        case: what to read.
        label: also read the label, where the case has one.

    Raises:
        DataError: the files do not share a grid or are unreadable; a channel is constant or has NaN or infinite
            voxels; the label has values that are not integers or that `case.labels` does not know.
    """
    header = read_common_header(case, label)
    image = np.empty((len(case.images), *header.shape), dtype=np.float32)
    for channel, path in zip(image, case.images, strict=True):
        channel[...] = _read_channel(path)
    raw = read_label(case.label, case.labels) if label and case.label else None
    scale = picture.full_scale(case.images[0]) if picture.claims(case.images[0]) else None
    return Scan(image, raw, header.affine, header.spacing, scale)


def encode_label(
    raw: NDArray[np.integer[Any]], labels: Mapping[str, tuple[int, ...]], classes: Sequence[str], overlapping: bool
) -> NDArray[np.uint8]:
    """Turn raw label values into a network's target; classes that are not asked for become background.

    Args:
        raw: (X, Y, Z) raw label values, any number of axes.
        labels: class name -> raw values, as in `Case.labels`.
        classes: the K classes wanted, in order.
        overlapping: classes are regions that may overlap.

    Returns:
        (1, X, Y, Z) index map with 0 = background and i + 1 = `classes[i]`; for regions (K, X, Y, Z) of 0 and 1.

    Raises:
        ConfigError: a class is unknown or named twice, or exclusive classes share a raw value.
    """
    check_classes(labels, classes, overlapping)
    masks = (np.isin(raw, labels[name]) for name in classes)
    if overlapping:
        return np.stack([mask.astype(np.uint8) for mask in masks])
    index = np.zeros((1, *raw.shape), dtype=np.uint8)
    for number, mask in enumerate(masks, start=1):
        index[0][mask] = number
    return index


def soft_masks(case: Case, raw: NDArray[np.integer[Any]], classes: Sequence[str]) -> NDArray[np.float32]:
    """Share of each class in each voxel (K, X, Y, Z), 0 to 1: the grey values of a picture's mask, else 0 or 1.

    Args:
        case: whose label it is.
        raw: its label, as `read_label` gives it.
        classes: the K classes wanted, in order.

    Raises:
        DataError: the mask cannot be read.
    """
    if case.label is not None and picture.is_mask(case.label):
        return read_voxels(picture.soft(case.label), np.float32)[None]
    return np.stack([np.isin(raw, case.labels[name]) for name in classes]).astype(np.float32)


def check_classes(labels: Mapping[str, tuple[int, ...]], classes: Sequence[str], overlapping: bool) -> None:
    """Check the classes asked for against those a data set has, before any voxel is read.

    Raises:
        ConfigError: see `encode_label`.
    """
    owner: dict[int, str] = {}
    for position, name in enumerate(classes):
        if name not in labels:
            near = difflib.get_close_matches(name, list(labels), 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the data set has {', '.join(labels)}"
            raise ConfigError(f"data.classes: unknown class {name!r}: {hint}")
        if name in classes[:position]:
            raise ConfigError(f"data.classes: {name!r} is named twice")
        for value in () if overlapping else labels[name]:
            if owner.setdefault(value, name) != name:
                raise ConfigError(
                    f"data.classes: {owner[value]!r} and {name!r} share label value {value}: set data.overlapping=true"
                )


def _read_channel(path: Path) -> NDArray[np.float32]:
    voxels = read_voxels(path, np.float32)
    check_channel(voxels, path)
    return voxels


def check_channel(voxels: NDArray[np.floating[Any]], path: Path) -> None:
    """Check that every voxel of a channel is a number and that they are not all the same.

    Raises:
        DataError: naming `path`.
    """
    if bad := int(voxels.size - np.isfinite(voxels).sum()):
        raise DataError(f"{path}: {bad} of {voxels.size} voxels are NaN or infinite: replace them and save it again")
    if voxels.min() == voxels.max():
        raise DataError(f"{path}: every voxel is {voxels.flat[0]:g}, a constant image: export the scan again")


def read_label(path: Path, labels: Mapping[str, tuple[int, ...]]) -> NDArray[np.integer[Any]]:
    """Read a label file: raw integers (X, Y, Z).

    Args:
        path: the label.
        labels: class name -> raw values, as in `Case.labels`; other values than these and 0 are faults.

    Raises:
        DataError: the file is unreadable, has voxels that are no whole numbers, or values that `labels` does not know.
    """
    return check_label(read_voxels(path), path, labels)


def check_label(voxels: NDArray[Any], path: Path, labels: Mapping[str, tuple[int, ...]]) -> NDArray[np.integer[Any]]:
    """Check the voxels of a label file and return them as integers; see `read_label`.

    Raises:
        DataError: naming the file.
    """
    path = picture.file_of(path)
    raw = _as_integers(voxels, path)
    known = {0}.union(*labels.values())
    if unknown := [str(value) for value in _values(raw) if value not in known]:
        raise DataError(
            f"{path}: unknown label values {shorten(unknown)} (known: {', '.join(map(str, sorted(known)))}): "
            "correct the label, or name the values as classes of the data set"
        )
    return raw


def _as_integers(voxels: NDArray[Any], path: Path) -> NDArray[np.integer[Any]]:
    """Integers as they are; floating-point voxels only where all are whole numbers."""
    if voxels.dtype.kind in "iu":
        return voxels
    if not np.isfinite(voxels).all():
        raise DataError(f"{path}: the label has NaN or infinite voxels: replace them and save it again")
    whole = np.rint(voxels)
    bad = (np.abs(voxels - whole) > _INTEGER_TOLERANCE) | (np.abs(whole) > np.iinfo(np.int32).max)
    if bad.any():
        worst = voxels[bad][0]
        raise DataError(
            f"{path}: label values must be whole numbers, found {worst:g}: export the mask, not a probability"
        )
    return whole.astype(np.int32)


def _values(raw: NDArray[np.integer[Any]]) -> list[int]:
    """Sorted distinct values; counting is many times faster than the sort of `np.unique`."""
    if raw.min() < 0 or raw.max() > 65535:
        return [int(value) for value in np.unique(raw)]
    return [int(value) for value in np.flatnonzero(np.bincount(raw.ravel(order="K")))]
