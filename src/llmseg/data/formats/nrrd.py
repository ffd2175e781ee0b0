"""NRRD files (`.nrrd`), read with SimpleITK."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats import itk
from llmseg.data.formats.header import Header
from llmseg.errors import DataError


def claims(path: Path) -> bool:
    """Whether a path looks like an NRRD file."""
    return path.suffix == ".nrrd"


def files(path: Path) -> list[Path]:
    """The files that a scan is stored in."""
    return [path]


def header(path: Path) -> Header:
    """Read the voxel grid of a 3D NRRD file; a space in LPS or other axes becomes RAS.

    Raises:
        DataError: the file is missing, damaged, not NRRD, not 3D, in colour, or has no usable affine.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder, not a scan' if path.is_dir() else 'no such file'}")
    try:
        reader = itk.file_reader(path)
    except RuntimeError as error:
        raise DataError(
            f"{path}: not a readable NRRD file, it is truncated or something else: copy it again"
        ) from error
    shape = reader.GetSize()
    if reader.GetNumberOfComponents() != 1:
        raise DataError(f"{path}: has {reader.GetNumberOfComponents()} values a voxel: write one file per channel")
    size = len(shape)
    axes = np.reshape(reader.GetDirection(), (size, size)) * reader.GetSpacing()
    return itk.make_header(path, shape, axes, np.array(reader.GetOrigin()))


def voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read the voxels (X, Y, Z) of an NRRD file.

    Args:
        path: a `.nrrd` file.
        dtype: type of the result; None: the file's own.

    Raises:
        DataError: see `header`; also where the voxels end too early or do not decompress.
    """
    header(path)
    try:
        return itk.to_array(itk.file_reader(path).Execute(), dtype)
    except (RuntimeError, MemoryError) as error:
        raise DataError(f"{path}: its voxels cannot be read, it is truncated or damaged: copy it again") from error
