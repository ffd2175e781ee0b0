"""DICOM series: a folder with one file a slice, read with SimpleITK (GDCM), in Hounsfield units where it is CT.

Geometry: DICOM PS3.3 C.7.6.2, "Image Plane Module". Slices are put in order by their positions, never by their names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats import itk
from llmseg.data.formats.header import Header
from llmseg.errors import DataError

_GAP_TOLERANCE = 0.1
"""Largest deviation of one slice distance from the median, as a share of it: positions are often rounded to 0.1 mm."""
_PLANE_TOLERANCE = 1e-3
"""Largest difference of directions (cosines) and pixel sizes (mm) between slices."""
_SAME = 1e-3
"""Distance in mm below which two slices lie at one place."""
_SHIFT = 0.1
"""Sideways shift in mm of the last slice against the first that is still rounding."""
_DESCRIPTION, _MODALITY, _THICKNESS = "0008|103e", "0008|0060", "0018|0050"


@dataclass(frozen=True)
class _Slice:
    """What one file says: `axes` (3, 3) are unit directions of a row, a column and the normal, LPS."""

    path: Path
    shape: tuple[int, int]
    pixel: tuple[float, float]
    thickness: float
    axes: NDArray[np.float64]
    origin: NDArray[np.float64]


@dataclass(frozen=True)
class _Series:
    header: Header
    slices: tuple[Path, ...]


def claims(path: Path) -> bool:
    """Whether a path is a folder, which should then hold a series, or one DICOM file."""
    return path.suffix.lower() in (".dcm", ".ima") or path.is_dir()


def files(path: Path) -> list[Path]:
    """All files of a series' folder, sorted, hidden ones left out."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")


def header(path: Path) -> Header:
    """Read the voxel grid of a DICOM series from the headers of all its slices.

    Args:
        path: the folder with the slices; other files in it do not matter, folders below it are not searched.

    Raises:
        DataError: no DICOM in the folder, several series, or slices that make no volume: of different size or
            direction, at one position twice, missing, unevenly spaced, sheared by a tilted gantry.
    """
    return _series(path).header


def voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read the voxels (X, Y, Z) of a series with rescale slope and intercept applied: Hounsfield units for CT.

    Args:
        path: the folder with the slices.
        dtype: type of the result; None: the smallest that holds the rescaled values.

    Raises:
        DataError: see `header`; also where a slice's pixels are damaged.
    """
    import SimpleITK

    series = _series(path)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in series.slices])
    if dtype is not None and np.dtype(dtype) == np.float32:
        reader.SetOutputPixelType(SimpleITK.sitkFloat32)  # saves a copy of the volume
    try:
        return itk.to_array(reader.Execute(), dtype)
    except (RuntimeError, MemoryError) as error:
        raise DataError(
            f"{_culprit(series.slices) or path}: its pixels cannot be read, it is truncated or damaged: copy it again"
        ) from error


def _culprit(slices: Sequence[Path]) -> Path | None:
    """The first slice whose pixels cannot be read."""
    for file in slices:
        try:
            itk.file_reader(file).Execute()
        except RuntimeError:
            return file
    return None


def _series(path: Path) -> _Series:
    if not path.is_dir():
        fault = "is one DICOM file: name the folder of its series" if path.exists() else "no such file"
        raise DataError(f"{path}: {fault}")
    stamp = tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files(path))
    return _read_series(path, hash(stamp))


@lru_cache(maxsize=512)  # a header is asked for several times, and costs a look into every slice
def _read_series(path: Path, stamp: int) -> _Series:
    slices = _in_order([_read_slice(file) for file in _files_of_series(path)], path)
    first, last = slices[0], slices[-1]
    step = (last.origin - first.origin) / (len(slices) - 1) if len(slices) > 1 else first.axes[:, 2] * first.thickness
    axes = np.column_stack([first.axes[:, 0] * first.pixel[0], first.axes[:, 1] * first.pixel[1], step])
    shape = (*first.shape, len(slices))
    return _Series(itk.make_header(path, shape, axes, first.origin), tuple(one.path for one in slices))


def _files_of_series(path: Path) -> list[Path]:
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    reader = SimpleITK.ImageSeriesReader
    try:
        found = {uid: reader.GetGDCMSeriesFileNames(str(path), uid) for uid in reader.GetGDCMSeriesIDs(str(path))}
    except RuntimeError as error:
        raise DataError(
            f"{path}: a file in it is damaged so that GDCM gives up: keep only the series' slices"
        ) from error
    if not found:
        raise DataError(f"{path}: holds no DICOM slices: name the folder with the files of one series")
    if len(found) > 1:
        described = "; ".join(_describe(uid, names) for uid, names in sorted(found.items()))
        raise DataError(f"{path}: holds {len(found)} series ({described}): move each into a folder of its own")
    [names] = found.values()
    if lost := [file for file in files(path) if str(file) not in names and _is_dicom(file)]:
        raise DataError(f"{lost[0]}: not a readable DICOM image, it is truncated or damaged: copy it again")
    return [Path(name) for name in names]


def _is_dicom(path: Path) -> bool:
    """Whether a file that GDCM does not know is meant to be DICOM (PS3.10, 7.1)."""
    if path.name == "DICOMDIR":  # a table of contents
        return False
    with path.open("rb") as file:
        return path.suffix.lower() == ".dcm" or file.read(132)[128:] == b"DICM"


def _describe(uid: str, names: Sequence[str]) -> str:
    try:
        reader = itk.file_reader(Path(names[0]))
        words = [reader.GetMetaData(key).strip() for key in (_MODALITY, _DESCRIPTION) if reader.HasMetaDataKey(key)]
    except RuntimeError:
        words = []
    return f"{uid}: {' '.join([*words, f'{len(names)} file(s)'])}, such as {Path(names[0]).name}"


def _read_slice(path: Path) -> _Slice:
    try:
        reader = itk.file_reader(path)
    except RuntimeError as error:
        raise DataError(
            f"{path}: not a readable DICOM image, it is truncated or has no pixels: remove or copy it again"
        ) from error
    shape, spacing = reader.GetSize(), reader.GetSpacing()
    if len(shape) != 3 or shape[2] != 1:
        raise DataError(f"{path}: several slices in one DICOM file ({shape}): convert the series to .nii.gz (dcm2niix)")
    if reader.GetNumberOfComponents() != 1:
        raise DataError(f"{path}: a colour image, not a slice of a scan: remove it from the folder")
    axes = np.reshape(reader.GetDirection(), (3, 3))
    thickness = float(reader.GetMetaData(_THICKNESS) or 1) if reader.HasMetaDataKey(_THICKNESS) else spacing[2]
    return _Slice(path, shape[:2], spacing[:2], thickness, axes, np.array(reader.GetOrigin()))


def _in_order(slices: Sequence[_Slice], path: Path) -> list[_Slice]:
    """Slices along their normal, checked to be one block of parallel planes at even distances."""
    first = slices[0]
    for other in slices[1:]:
        if difference := _difference(first, other):
            raise DataError(
                f"{other.path}: differs from {first.path.name} in {difference}: remove what is not of the scan"
            )
    normal = first.axes[:, 2]
    slices = sorted(slices, key=lambda one: float(one.origin @ normal))
    places = np.array([one.origin @ normal for one in slices])
    if fault := _gap_fault([one.path.name for one in slices], places):
        raise DataError(f"{path}: {fault}")
    shift = slices[-1].origin - slices[0].origin
    if np.linalg.norm(shift - normal * (normal @ shift)) > _PLANE_TOLERANCE * np.ptp(places) + _SHIFT:
        raise DataError(
            f"{path}: slices are shifted against each other (tilted gantry): resample to .nii.gz (dcm2niix)"
        )
    return slices


def _gap_fault(names: Sequence[str], places: NDArray[np.float64]) -> str | None:
    """Say where the distances (mm) between neighbours are not all the same, or None."""
    gaps = np.diff(places)
    pairs = [f"{one} and {two}" for one, two in pairwise(names)]
    if same := [pair for pair, gap in zip(pairs, gaps, strict=True) if gap < _SAME]:
        return f"{same[0]} lie at one position: remove one"
    usual = np.sort(gaps)[(len(gaps) - 1) // 2] if len(gaps) else 0.0  # a gap that is there, also of two
    for pair, gap in zip(pairs, gaps, strict=True):
        missing = round(gap / usual) - 1
        if abs(gap - usual * (missing + 1)) <= _GAP_TOLERANCE * usual and missing > 0:
            return (
                f"{missing} slice(s) missing between {pair} ({gap:.5g} mm apart, others {usual:.5g} mm): copy the rest"
            )
        if abs(gap - usual) > _GAP_TOLERANCE * usual:
            return f"not evenly spaced: {pair} are {gap:.5g} mm apart, others {usual:.5g} mm: resample to .nii.gz"
    return None


def _difference(one: _Slice, two: _Slice) -> str | None:
    if one.shape != two.shape:
        return f"size ({two.shape[0]}x{two.shape[1]} against {one.shape[0]}x{one.shape[1]} pixels)"
    if np.abs(np.subtract(one.pixel, two.pixel)).max() > _PLANE_TOLERANCE:
        return f"pixel size ({two.pixel} against {one.pixel} mm)"
    if np.abs(one.axes - two.axes).max() > _PLANE_TOLERANCE:
        return "direction"
    return None
