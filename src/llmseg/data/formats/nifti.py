"""NIfTI files, and every way they can be broken."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from nibabel.arrayproxy import ArrayProxy
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
_DEFLATE_LIMIT = 1032
"""Bytes that one byte of a gzip file can unpack to, at most (zlib's technical notes)."""
_SLACK = 2**20
"""Bytes behind the voxels that are put up with, beside as many as the voxels themselves take."""


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
        DataError: the file is missing, damaged, not NIfTI, not 3D, empty, in colour, too small for the voxels that its
            header promises, or has no usable affine.
    """
    image = _open(path)
    shape = tuple(int(size) for size in image.shape)
    if len(shape) != 3:
        raise DataError(
            f"{path}: has {len(shape)} dimensions {shape}, but a scan must be 3D: write one file per channel (or time)"
        )
    if min(shape) < 1:
        raise DataError(f"{path}: holds no voxels (shape {shape}): export it again")
    if image.get_data_dtype().kind not in "iufb":
        raise DataError(f"{path}: voxels of type {image.get_data_dtype()} are not single real numbers: export as grey")
    held = path.stat().st_size
    if _promised(image) > held * (_DEFLATE_LIMIT if _is_packed(path) else 1):
        raise DataError(
            f"{path}: its header promises {'x'.join(map(str, shape))} voxels, {_promised(image):,} bytes, but the file "
            f"has only {held:,}: it is truncated or its header is wrong, copy it again"
        )
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
        DataError: see `header`; also where the voxels end too early, do not decompress, or where far more unpacks than
            the header promises (a zip bomb).
    """
    header(path)
    image = _open(path)
    try:
        if _is_packed(path):
            image = type(image).from_bytes(_unpack(path, 2 * _promised(image) + _SLACK))
        return np.asarray(image.dataobj, dtype=dtype)
    except _UNREADABLE as error:
        raise DataError(f"{path}: its voxels cannot be read, it is truncated or damaged: copy it again") from error


def _is_packed(path: Path) -> bool:
    return path.name.endswith(".gz")


def _promised(image: Nifti1Image) -> int:
    """Unpacked size in bytes of the file that a header describes."""
    start = cast(ArrayProxy, image.dataobj).offset
    return int(start) + math.prod(map(int, image.shape)) * int(image.get_data_dtype().itemsize)


def _unpack(path: Path, most: int) -> bytes:
    """All that a gzip file holds, but never more than `most` bytes in memory.

    At once, not as nibabel streams it: only a read to the very end compares the checksum.
    """
    with gzip.open(path) as file:
        content = file.read(most)
        if file.read(1):
            raise DataError(
                f"{path}: unpacks to more than {most:,} bytes, twice what its header promises: it is damaged or a zip "
                "bomb, export it again"
            )
    return content


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
