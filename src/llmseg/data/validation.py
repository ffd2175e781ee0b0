"""Checks of a data set's headers, before anything is trained."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

from llmseg.data.cases import Case
from llmseg.data.files import read_header
from llmseg.data.formats import picture
from llmseg.data.formats.header import Header
from llmseg.errors import DataError

SPACING_TOLERANCE = 1e-3
"""Largest difference of voxel sizes, mm."""
AFFINE_TOLERANCE = 0.05
"""Largest distance between the two places of one voxel, in voxels: rounding of tools stays far below."""
_THREADS = 8


def check_cases(cases: Sequence[Case], labelled: bool = False) -> None:
    """Check ids, files and voxel grids of all cases; headers only.

    Args:
        cases: the cases of a data set.
        labelled: every case must have a label.

    Raises:
        DataError: naming the first fault and the other cases that have one.
    """
    require_unique_ids(cases)
    with ThreadPoolExecutor(_THREADS) as pool:
        faults = list(pool.map(lambda case: _fault(case, labelled), cases))
    faulty = [(case.id, fault) for case, fault in zip(cases, faults, strict=True) if fault is not None]
    if not faulty:
        return
    message = faulty[0][1]
    if others := [case_id for case_id, _ in faulty[1:]]:
        message += f" (and {len(others)} more faulty cases: {shorten(others)})"
    raise DataError(message)


def require_unique_ids(cases: Sequence[Case]) -> None:
    """Check that no two cases share an id.

    Raises:
        DataError: naming the id and one file of each of the two cases.
    """
    first: dict[str, Case] = {}
    for case in cases:
        other = first.setdefault(case.id, case)
        if other is not case:
            raise DataError(f"{other.images[0]} and {case.images[0]}: two cases with the id {case.id!r}: rename one")


def read_common_header(case: Case, label: bool = True) -> Header:
    """Read the voxel grid of a case and check that all its files share it.

    Args:
        case: the case.
        label: include the label's file, where the case has one.

    Returns:
        The header of the first channel.

    Raises:
        DataError: a file is unreadable, or shapes, spacings or affines differ; names both files and what differs.
    """
    first, *others = (*case.images, *([case.label] if label and case.label else []))
    reference = read_header(first)
    for path in others:
        if difference := _difference(reference, read_header(path)):
            names = picture.file_of(path), picture.file_of(first)
            raise DataError(f"{names[0]}: differs from {names[1]} in {difference}: {_remedy(path, case.label)}")
    return reference


def shorten(names: Sequence[str], limit: int = 5) -> str:
    """Join names with commas, at most `limit` of them."""
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")


def _fault(case: Case, labelled: bool) -> str | None:
    if labelled and case.label is None:
        return f"{case.images[0]}: case {case.id} has no label file: add it or leave the case out of the split"
    try:
        read_common_header(case)
    except DataError as error:
        return str(error)
    return None


def _difference(one: Header, two: Header) -> str | None:
    """Say in what two voxel grids differ, or None."""
    if one.shape != two.shape:
        return f"shape ({_numbers(two.shape)} against {_numbers(one.shape)} voxels)"
    if np.abs(one.spacing - two.spacing).max() > SPACING_TOLERANCE:
        return f"spacing ({_numbers(two.spacing)} against {_numbers(one.spacing)} mm)"
    # Affines are linear, so the two places of a voxel are farthest apart at one of the eight corners.
    corners = np.array([(*corner, 1) for corner in product(*((0, size - 1) for size in one.shape))], dtype=float)
    apart = np.linalg.norm((corners @ (one.affine - two.affine).T)[:, :3], axis=1).max()
    if apart > AFFINE_TOLERANCE * one.spacing.min():
        return f"affine (position or orientation: voxels lie up to {apart:.3g} mm apart)"
    return None


def _remedy(path: Path, label: Path | None) -> str:
    if picture.claims(path):
        return "save it at the picture's size"
    what = "the label" if path == label else "this channel"
    return f"resample {what} onto the first channel's grid, or repair the header if only that is wrong"


def _numbers(values: Sequence[int] | np.ndarray) -> str:
    return "x".join(f"{value:.5g}" for value in values)
