"""What the formats that SimpleITK reads (NRRD, DICOM) have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from llmseg.data.formats.header import Header
from llmseg.errors import DataError

if TYPE_CHECKING:
    import SimpleITK

_LPS_TO_RAS = np.diag(
    [-1.0, -1.0, 1.0, 1.0]
)  # ITK counts millimetres to the left and back, NIfTI to the right and front


def make_header(path: Path, shape: Sequence[int], axes: NDArray[np.float64], origin: NDArray[np.float64]) -> Header:
    """A header from ITK's geometry.

    Args:
        path: the scan, for messages.
        shape: voxels along X, Y, Z.
        axes: (3, 3), columns are the steps from voxel to voxel in mm, LPS.
        origin: (3,) place of the first voxel in mm, LPS.

    Raises:
        DataError: not 3D, empty, or no usable affine.
    """
    if len(shape) != 3:
        raise DataError(f"{path}: has {len(shape)} dimensions {tuple(shape)}, but a scan must be 3D")
    if 0 in shape:
        raise DataError(f"{path}: holds no voxels (shape {tuple(shape)}): export it again")
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, origin
    affine = _LPS_TO_RAS @ affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataError(f"{path}: its affine is not finite or not invertible: repair the header or export it again")
    return Header((shape[0], shape[1], shape[2]), affine, np.linalg.norm(affine[:3, :3], axis=0))


def file_reader(path: Path) -> "SimpleITK.ImageFileReader":
    """A reader that has read a file's header.

    Raises:
        RuntimeError: ITK cannot read it.
    """
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)  # ITK's own lines on stderr; what matters is raised
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader


def to_array(image: "SimpleITK.Image", dtype: DTypeLike | None) -> NDArray[Any]:
    """Voxels (X, Y, Z) of an image, which ITK hands over as (Z, Y, X)."""
    import SimpleITK

    voxels: NDArray[Any] = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    return voxels if dtype is None else voxels.astype(dtype, copy=False)
