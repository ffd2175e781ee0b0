"""Reading NIfTI files and folders, with every way they can be broken turned into one line."""

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.loadsave import load
from nibabel.nifti1 import Nifti1Image
from nibabel.spatialimages import HeaderDataError
from numpy.typing import DTypeLike, NDArray

from ..errors import DataError

SUFFIXES = (".nii.gz", ".nii")
# What nibabel, gzip and numpy raise on a damaged file; MemoryError because a damaged header can ask for terabytes.
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, MemoryError, ImageFileError, HeaderDataError)


@dataclass(frozen=True)
class Header:
    """What a scan's file says about its voxel grid.

    Attributes:
        shape: number of voxels along the file's axes X, Y, Z.
        affine: (4, 4), voxel index to millimetres, float64.
        spacing: (3,) voxel size in mm, the column lengths of `affine`.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    spacing: NDArray[np.float64]


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


def read_header(path: Path) -> Header:
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


def read_voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read the voxels (X, Y, Z) of a NIfTI file, with the header's scale applied.

    Args:
        path: a `.nii` or `.nii.gz` file.
        dtype: type of the result; None: the file's own, or float64 where the header has a scale.

    Raises:
        DataError: see `read_header`; also where the voxels end too early or do not decompress.
    """
    read_header(path)
    image = _open(path)
    try:
        if path.name.endswith(".gz"):
            # At once, not as nibabel streams it: only a read to the very end compares the checksum.
            image = type(image).from_bytes(gzip.decompress(path.read_bytes()))
        return np.asarray(image.dataobj, dtype=dtype)
    except _UNREADABLE as error:
        raise DataError(f"{path}: its voxels cannot be read, it is truncated or damaged: copy it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: the file is missing, is not JSON, or its top level is not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not valid JSON (line {error.lineno}: {error.msg}): correct the file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({_one_line(error)})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: must hold one JSON object, {{...}}, not a {type(content).__name__}")
    return content


def require_folder(root: Path, source: str = "") -> None:
    """Check that a data root is a folder with something in it.

    Args:
        root: the folder.
        source: where to get the data set, for the message.

    Raises:
        DataError: the root is missing, a file, or empty.
    """
    if root.is_dir() and any(root.iterdir()):
        return
    fault = "is empty" if root.is_dir() else "is not a folder" if root.exists() else "does not exist"
    raise DataError(f"{root}: the data root {fault}: {where_to_get(source)}")


def where_to_get(source: str) -> str:
    """What to do about data that are not there, as the end of a sentence."""
    return f"get the data set from {source} and set data.root to its folder" if source else "set data.root"


def _open(path: Path) -> Nifti1Image:
    """Open a NIfTI file lazily."""
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder, not a scan' if path.is_dir() else 'no such file'}")
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"{path}: not a NIfTI file name: convert the scan to .nii.gz or .nii")
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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
