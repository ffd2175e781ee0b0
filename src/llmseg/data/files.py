"""Reading scans of any format, and small files; every way they can be broken is one line."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats import aligned, dicom, h5, nifti, nrrd, picture
from llmseg.data.formats.header import Header
from llmseg.errors import DataError

FORMATS: tuple[ModuleType, ...] = (aligned, nifti, nrrd, h5, picture, dicom)
"""Asked in turn whether a path is theirs. Another format is another module of `llmseg.data.formats`, named here."""


def read_header(path: Path) -> Header:
    """Read the voxel grid of a 3D scan without its voxels.

    Raises:
        DataError: the scan is missing, damaged, of no known format, not 3D, empty, or has no usable affine.
    """
    header: Header = _format(path).header(path)
    return header


def read_voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read the voxels (X, Y, Z) of a scan, with its header's scale applied.

    Args:
        path: a file, or whatever its format makes a path of (a folder with a DICOM series, a data set in an h5 file).
        dtype: type of the result; None: the file's own, or float64 where the header has a scale.

    Raises:
        DataError: see `read_header`; also where the voxels end too early or do not decompress.
    """
    voxels: NDArray[Any] = _format(path).voxels(path, dtype)
    return voxels


def files_of(path: Path) -> list[Path]:
    """The files on disk that a scan is stored in; it has changed when one of them has."""
    files: list[Path] = _format(path).files(path)
    return files


def _format(path: Path) -> ModuleType:
    for module in FORMATS:
        if module.claims(path):
            return module
    if not path.exists():
        raise DataError(f"{path}: no such file")
    raise DataError(f"{path}: no known format of scans: convert it to .nii.gz")


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
    return "set data.root to the data set's folder" + (f": {source}" if source else "")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
