"""Masks that lossy compression or smoothing has gone over."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseg.data.checks.fault import WARNING, Fault
from llmseg.data.files import read_voxels
from llmseg.data.formats import picture

_NEAR = 40 / 255
_MOST = 0.95
_LEAST_TOP = 100


def noisy_values(voxels: NDArray[Any]) -> int:
    """Number of distinct values if they crowd around zero and the largest one, as in a mask saved as JPEG; else 0.

    Anti-aliased borders look alike. An index mask has few values, far apart; a probability map has them all over.
    """
    top = float(np.max(voxels, initial=0))
    if not np.isfinite(top) or top < _LEAST_TOP:
        return 0
    low, high = voxels <= _NEAR * top, voxels >= (1 - _NEAR) * top
    values = int(np.unique(voxels).size)
    crowded = low.any() and high.any() and np.mean(low | high) >= _MOST
    return values if values > 2 and crowded else 0


def noise_fault(case: str, path: Path, values: int) -> Fault:
    """The row for a mask that cannot be loaded because of its noise."""
    return Fault(
        case,
        str(path),
        "label",
        f"{values} different values, nearly all close to 0 or the largest: a mask with JPEG noise",
        "set it to 0 and 1 at half of the largest value, and save it without loss",
    )


def picture_warnings(case: str, path: Path) -> list[Fault]:
    """A warning for a binary picture mask with noise, which loading puts right with a threshold."""
    if not picture.claims(path) or path.name != "mask":
        return []
    values = noisy_values(read_voxels(path.parent))
    if not values:
        return []
    what = f"{values} different values (JPEG noise or soft borders), read as 0 and 1 with a threshold at half"
    return [Fault(case, str(path.parent), "label", what, "look at its border, and save masks without loss", WARNING)]
