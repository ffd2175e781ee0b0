"""Where a scan's voxels lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
