"""Whether two sides computed the same thing."""

from typing import Any, NamedTuple

import numpy as np


class Same(NamedTuple):
    """The verdict, and what it rests on."""

    holds: bool
    because: str


def close(ours: Any, theirs: Any, tolerance: float, what: str = "values") -> Same:
    """Arrays, or numbers, that differ by at most `tolerance` absolutely."""
    one, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if one.shape != other.shape:
        return Same(False, f"{what}: shapes {one.shape} and {other.shape}")
    largest = float(np.abs(one - other).max(initial=0.0))
    return Same(largest <= tolerance, f"{what} differ by {largest:.1g} at most")


def equal(ours: Any, theirs: Any, what: str = "values") -> Same:
    """Arrays, or objects, that do not differ at all."""
    holds = bool(np.array_equal(ours, theirs))
    return Same(holds, f"{what} are {'equal' if holds else 'not equal'}")
