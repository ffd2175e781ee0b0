"""NIfTI files, and every way they can be broken."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.loadsave import load
from nibabel.nifti1 import Nifti1Image
from nibabel.spatialimages import HeaderDataError
from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats.header import Header
from llmseg.errors import DataError

SUFFIXES = (".nii.gz", ".nii")
# What nibabel, gzip and numpy raise on a damaged file; MemoryError because a damaged header can ask for terabytes.
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, MemoryError, ImageFileError, HeaderDataError)


def claims(path: Path) -> bool:
    """Whether a path looks like a NIfTI file."""
    return path.name.endswith(SUFFIXES)


def files(path: Path) -> list[Path]:
    """The files that a scan is stored in."""
    return [path]


def stem(path: Path) -> str:
    """File name without `.nii` or `.nii.gz`; other names unchanged."""
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.name


def scans_in(folder: Path) -> list[Path]:
    """All NIfTI files directly in `folder`, sorted by name; hidden files (macOS writes `._x.nii.gz`) left out."""
    return sorted(
        path for path in folder.glob("*") if path.name.endswith(SUFFIXES) and path.name[0] != "." and path.is_file()
    )


def header(path: Path) -> Header:
    """Read the voxel grid of a 3D NIfTI file without its voxels.

    Raises:
        DataError: the file is missing, damaged, not NIfTI, not 3D, empty, in colour, or has no usable affine.
    """
    image = _open(path)
    shape = tuple(int(size) for size in image.shape)
    if len(shape) != 3:
        raise DataError(
            f"{path}: has {len(shape)} dimensions {shape}, but a scan must be 3D: write one file per channel (or time)"
        )
    if 0 in shape:
        raise DataError(f"{path}: holds no voxels (shape {shape}): export it again")
    if image.get_data_dtype().kind not in "iufb":
        raise DataError(f"{path}: voxels of type {image.get_data_dtype()} are not single real numbers: export as grey")
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataError(f"{path}: its affine is not finite or not invertible: repair the header or export it again")
    return Header(shape, affine, np.linalg.norm(affine[:3, :3], axis=0))


def voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read the voxels (X, Y, Z) of a NIfTI file, with the header's scale applied.

    Args:
        path: a `.nii` or `.nii.gz` file.
        dtype: type of the result; None: the file's own, or float64 where the header has a scale.

    Raises:
        DataError: see `header`; also where the voxels end too early or do not decompress.
    """
    header(path)
    image = _open(path)
    try:
        if path.name.endswith(".gz"):
            # At once, not as nibabel streams it: only a read to the very end compares the checksum.
            image = type(image).from_bytes(gzip.decompress(path.read_bytes()))
        return np.asarray(image.dataobj, dtype=dtype)
    except _UNREADABLE as error:
        raise DataError(f"{path}: its voxels cannot be read, it is truncated or damaged: copy it again") from error


def _open(path: Path) -> Nifti1Image:
    """Open a NIfTI file lazily."""
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder, not a scan' if path.is_dir() else 'no such file'}")
    try:
        image = load(path)
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it") from error
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable NIfTI file: {_diagnosis(path)}") from error
    if not isinstance(image, Nifti1Image):  # Nifti2Image is a subclass
        raise DataError(f"{path}: holds a {type(image).__name__}, not NIfTI: convert it to .nii.gz")
    return image


def _diagnosis(path: Path) -> str:
    """What the first bytes say about a file that did not open."""
    start = path.open("rb").read(2)
    if not start:
        return "it is empty; copy it again"
    compressed = start == b"\x1f\x8b"
    if compressed and path.name.endswith(".nii"):
        return "it is gzip-compressed; rename it to .nii.gz"
    if not compressed and path.name.endswith(".gz"):
        return "it is not gzip-compressed; rename it to .nii if it is NIfTI, otherwise export the scan again"
    return "it is truncated or holds something else; copy or export it again"
