"""Volumes in HDF5 files, as the semi-supervised literature shares them.

`case.h5/image` is the data set `image` of the file `case.h5`. These files say nothing of the voxel size: the affine is
the identity, so a distance is in voxels, which are millimetres only where the data were resampled to 1 mm before. Where
the size is known from elsewhere, a reader puts it into the path: `case.h5/image@0.625` has cubes of 0.625 mm.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats.header import Header
from llmseg.errors import DataError

if TYPE_CHECKING:
    import h5py  # type: ignore[import-untyped, unused-ignore]

SUFFIXES = (".h5", ".hdf5")
# What h5py raises on a damaged file; RuntimeError comes from inside the HDF5 library.
_UNREADABLE = (OSError, RuntimeError, ValueError, KeyError, MemoryError)


def claims(path: Path) -> bool:
    """Whether a path is an HDF5 file, or a data set inside one."""
    return path.suffix in SUFFIXES or path.parent.suffix in SUFFIXES


def files(path: Path) -> list[Path]:
    """The file that a data set is stored in."""
    return [path if path.suffix in SUFFIXES else path.parent]


def keys(path: Path) -> list[str]:
    """Names of the data sets at the top level of an HDF5 file, sorted.

    Raises:
        DataError: the file is missing or is no readable HDF5.
    """
    with _opened(path) as file:
        return sorted(str(key) for key in file)


def header(path: Path) -> Header:
    """Read the voxel grid of a data set; its affine is the identity, times the voxel size that the path names.

    Raises:
        DataError: the file is missing, damaged or not HDF5; it has no such data set, or that is not a 3D array of
            numbers with voxels in it.
    """
    with _dataset(path) as dataset:
        size = _parse(path)[1]
        return Header(_shape(path, dataset), np.diag([size, size, size, 1.0]), np.full(3, size))


def voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read a data set (X, Y, Z).

    Args:
        path: `case.h5/image`.
        dtype: type of the result; None: the file's own.

    Raises:
        DataError: see `header`; also where the voxels are damaged.
    """
    with _dataset(path) as dataset:
        _shape(path, dataset)
        try:
            return np.asarray(dataset[()], dtype=dtype)
        except _UNREADABLE as error:
            raise DataError(f"{path}: its voxels cannot be read, the file is damaged: copy it again") from error


def _parse(path: Path) -> tuple[str, float]:
    """Name of the data set and voxel size in mm."""
    name, _, size = path.name.partition("@")
    return name, float(size or 1)


def _shape(path: Path, dataset: "h5py.Dataset") -> tuple[int, int, int]:
    shape = tuple(int(size) for size in dataset.shape or ())
    if len(shape) != 3:
        raise DataError(f"{path}: has {len(shape)} dimensions {shape}, but a scan must be 3D (X, Y, Z)")
    if 0 in shape or dataset.id.get_storage_size() == 0:
        raise DataError(f"{path}: holds no voxels (shape {shape}): write the file again")
    if dataset.dtype.kind not in "iufb":
        raise DataError(f"{path}: values of type {dataset.dtype} are not single real numbers: write them as such")
    return shape[0], shape[1], shape[2]


@contextmanager
def _dataset(path: Path) -> "Iterator[h5py.Dataset]":
    import h5py  # type: ignore[import-untyped, unused-ignore]

    [file_path] = files(path)
    with _opened(file_path) as file:
        inside = ", ".join(str(key) for key in file) or "nothing"
        if path == file_path:
            raise DataError(f"{path}: name a data set inside the file, such as {path}/image (it holds {inside})")
        name = _parse(path)[0]
        if not isinstance(file.get(name), h5py.Dataset):
            raise DataError(f"{file_path}: has no data set {name!r} (it holds {inside})")
        yield file[name]


@contextmanager
def _opened(path: Path) -> "Iterator[h5py.File]":
    import h5py  # type: ignore[import-untyped, unused-ignore]

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it") from error
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: not a readable HDF5 file, it is truncated or something else: copy it again"
        ) from error
    with file:
        try:
            yield file
        except _UNREADABLE as error:  # opened, but its tables of contents lead nowhere
            raise DataError(f"{path}: its contents cannot be listed, the file is damaged: copy it again") from error
