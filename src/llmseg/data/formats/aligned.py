"""A label on its image's grid, where the label's own header cannot be trusted: `label.nii.gz/on/<way to the image>`.

Data sets come with labels that are mirrored against the scan, or whose header has another origin (Pancreas-CT: DICOM
slices with NIfTI labels). Such a label is turned to the image's axes by the directions in its header, and whether this
was right is told by the image: an organ's voxels are soft tissue, and seldom so when mirrored. A label that fits
clearly better mirrored is mirrored; one that fits nowhere, or in two ways equally, is refused.
"""

import os
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, io_orientation, ornt_transform
from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats import dicom, nifti
from llmseg.data.formats.header import Header
from llmseg.errors import DataError

Flips = tuple[bool, bool, bool]
"""Which axes X, Y, Z of a volume are mirrored."""

SOFT_TISSUE = (0.0, 150.0)
"""Hounsfield units of a contrast-enhanced abdominal organ, with the noise of thin slices."""
ENOUGH = 0.6
"""Least share of an organ's voxels that must be soft tissue; the rest are its ducts, vessels and fatty rim."""
CLEARLY = 0.05
"""Least lead, as a share of the label, of one way to lie over another."""
_MARK = "on"


def aligned(label: Path, image: Path) -> Path:
    """The path that stands for a NIfTI label on the grid of a CT scan (NIfTI or a DICOM series' folder)."""
    return label / _MARK / os.path.relpath(image, label)


def claims(path: Path) -> bool:
    """Whether a path was made by `aligned`."""
    return _mark(path) is not None


def files(path: Path) -> list[Path]:
    """The files of the label and of the image that it is laid on."""
    label, image = _parts(path)
    return [*nifti.files(label), *_format(image).files(image)]


def header(path: Path) -> Header:
    """The image's voxel grid, after a check that the label, turned to the image's axes, has its shape.

    Raises:
        DataError: label or image are unreadable, or their shapes differ.
    """
    label, image = _parts(path)
    grid, own = _format(image).header(image), nifti.header(label)
    shape = [0, 0, 0]
    for size, (target, _) in zip(own.shape, _to_image(own, grid), strict=True):
        shape[int(target)] = size
    if tuple(shape) != grid.shape:
        sizes = f"{'x'.join(map(str, shape))} voxels, but its image {image} has {'x'.join(map(str, grid.shape))}"
        raise DataError(f"{label}: {sizes}: not the label of this scan")
    return grid


def voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read the label (X, Y, Z) on the image's grid, mirrored where the image says so.

    Raises:
        DataError: see `header`; or the label lies on soft tissue in no way, or in two ways equally.
    """
    label, image = _parts(path)
    grid = header(path)
    turned: NDArray[Any] = apply_orientation(nifti.voxels(label, dtype), _to_image(nifti.header(label), grid))
    if not turned.any():
        return turned
    shares = soft_tissue_by_flip(_format(image).voxels(image), turned)
    return flip(turned, choose_flip(shares, label, image))


def soft_tissue_by_flip(hounsfield: NDArray[Any], label: NDArray[Any]) -> dict[Flips, float]:
    """Share of a label's voxels that lie on soft tissue, for each of the eight ways to mirror it.

    Args:
        hounsfield: CT (X, Y, Z).
        label: mask (X, Y, Z) of an organ, not empty.

    Returns:
        Which axes are mirrored -> share from 0 to 1; the best way makes the largest share.
    """
    places = np.nonzero(label)
    low, high = SOFT_TISSUE
    shares = {}
    for flips in product((False, True), repeat=3):
        turned = tuple(
            size - 1 - place if mirrored else place
            for place, size, mirrored in zip(places, label.shape, flips, strict=True)
        )
        values = hounsfield[turned]
        shares[flips[0], flips[1], flips[2]] = float(((values >= low) & (values <= high)).mean())
    return shares


def choose_flip(shares: dict[Flips, float], label: Path, image: Path) -> Flips:
    """The way a label lies: as its header says unless another is clearly better.

    Raises:
        DataError: no way is good enough, or two others are equally better than the header's.
    """
    ranked = sorted(shares, key=lambda flips: -shares[flips])
    best, second, stored = ranked[0], ranked[1], (False, False, False)
    if shares[best] < ENOUGH:
        raise DataError(
            f"{label}: at best {shares[best]:.0%} of it lie on soft tissue ({SOFT_TISSUE[0]:g} to {SOFT_TISSUE[1]:g} "
            f"HU) of {image}: not the label of this scan, or the scan is not in Hounsfield units"
        )
    if shares[best] - shares[stored] < CLEARLY:
        return stored
    if shares[best] - shares[second] < CLEARLY:
        raise DataError(
            f"{label}: lies on soft tissue of {image} equally well mirrored along {_names(best)} ({shares[best]:.0%}) "
            f"and {_names(second)} ({shares[second]:.0%}), not as stored ({shares[stored]:.0%}): look at it and save "
            "it the right way round"
        )
    return best


def flip(volume: NDArray[Any], flips: Flips) -> NDArray[Any]:
    """Mirror a volume along the axes named."""
    return np.flip(volume, tuple(axis for axis, mirrored in enumerate(flips) if mirrored))


def _names(flips: Flips) -> str:
    return "".join(name for name, mirrored in zip("XYZ", flips, strict=True) if mirrored) or "nothing"


def _mark(path: Path) -> int | None:
    """Place of the mark among the parts of a path: right after a NIfTI file's name."""
    for index, part in enumerate(path.parts):
        if part == _MARK and path.parts[index - 1].endswith(nifti.SUFFIXES):
            return index
    return None


def _parts(path: Path) -> tuple[Path, Path]:
    """Label and image of a path made by `aligned`."""
    mark = _mark(path)
    assert mark is not None
    label = Path(*path.parts[:mark])
    return label, Path(os.path.normpath(label / Path(*path.parts[mark + 1 :])))


def _format(image: Path) -> ModuleType:
    return dicom if dicom.claims(image) else nifti


def _to_image(own: Header, grid: Header) -> NDArray[np.float64]:
    """Nibabel orientation transform from the label's axes to the image's; origins do not matter."""
    transform: NDArray[np.float64] = ornt_transform(io_orientation(own.affine), io_orientation(grid.affine))
    return transform
