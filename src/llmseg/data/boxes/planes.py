"""Slices of a volume as a radiologist looks at them, and what is where on them."""

from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmseg.errors import ConfigError

PLANES = ("sagittal", "coronal", "axial")
"""By the axis of a volume in RAS orientation that they are perpendicular to."""


def axis_of(plane: str) -> int:
    """Axis of a volume in RAS orientation (X, Y, Z) that a plane is perpendicular to.

    Raises:
        ConfigError: no such plane.
    """
    if plane not in PLANES:
        near = get_close_matches(plane.lower(), PLANES, 1)
        raise ConfigError(f"plane={plane}: {f'did you mean {near[0]}?' if near else 'choose ' + ', '.join(PLANES)}")
    return PLANES.index(plane)


def plane_of(volume: NDArray[Any], plane: str, index: int) -> NDArray[Any]:
    """One slice, for images and masks alike, in radiological convention.

    Axial: anterior on top, the patient's right at the left of the image. Coronal: superior on top, the patient's right
    at the left. Sagittal: superior on top, anterior at the left. The rows run against the second of the two axes that
    remain, the columns against the first.

    Args:
        volume: (..., X, Y, Z) in RAS orientation; leading axes are kept.
        plane: sagittal, coronal or axial.
        index: along the plane's axis.

    Returns:
        (..., H, W).

    Raises:
        ConfigError: no such plane.
    """
    plane_xy = np.take(volume, index, axis=axis_of(plane) - 3)
    return np.swapaxes(plane_xy, -2, -1)[..., ::-1, ::-1]


def spacing_of(plane: str, voxel_size: tuple[float, float, float] | NDArray[np.float64]) -> tuple[float, float]:
    """Size of a slice's pixel in mm, (along x, along y), from a voxel's (X, Y, Z) in RAS orientation."""
    first, second = (float(size) for axis, size in enumerate(voxel_size) if axis != axis_of(plane))
    return first, second


def left_is(plane: str) -> Literal["left", "right"] | None:
    """The side of the image where the patient's left is; None in sagittal slices, which have no such side."""
    return None if axis_of(plane) == 0 else "right"
