"""How sure a mean is: bootstrap intervals by patient."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MINIMUM_PATIENTS = 10
LEVEL = 0.95
# Resamples times patients that are drawn at once; bounds the memory to some tens of megabytes.
_CHUNK = 2_000_000


class Interval(NamedTuple):
    """A 95 % percentile interval."""

    low: float
    high: float


def bootstrap_by_patient(values: ArrayLike, groups: Sequence[str], n: int = 10_000, seed: int = 0) -> Interval | None:
    """95 % percentile interval of a mean over cases; patients, not cases, are resampled (Efron & Tibshirani 1993).

    Args:
        values: one value a case, shape (cases,), or one a case and class, shape (cases, classes): the statistic is then
            the mean over classes of the classes' means. NaN is left out.
        groups: the patient of each case.
        n: number of resamples.
        seed: of the resampling.

    Returns:
        The interval, or None under ten patients with a value: "n too small".

    Raises:
        ValueError: there is not one group a case.
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if len(groups) != len(table):
        raise ValueError(f"{len(table)} cases but {len(groups)} groups")
    sums, counts = _per_patient(table, groups)
    if len(sums) < MINIMUM_PATIENTS:
        return None
    means = _resampled_means(sums, counts, n, np.random.default_rng(seed))
    low, high = np.nanpercentile(means, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(low), float(high))


def _per_patient(table: NDArray[np.float64], groups: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and number of values of each patient that has any, both (patients, classes)."""
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    finite = np.isfinite(table)
    sums, counts = np.zeros((len(names), table.shape[1])), np.zeros((len(names), table.shape[1]))
    np.add.at(sums, index, np.where(finite, table, 0))
    np.add.at(counts, index, finite)
    kept = counts.sum(axis=1) > 0
    return sums[kept], counts[kept]


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    patients = len(sums)
    means = np.empty(n)
    step = max(1, _CHUNK // patients)
    for start in range(0, n, step):
        # How often each patient is drawn is all that a resample needs.
        drawn = rng.multinomial(patients, np.full(patients, 1 / patients), size=min(step, n - start)).astype(np.float64)
        number = drawn @ counts
        per_class = np.divide(drawn @ sums, number, out=np.full_like(number, np.nan), where=number > 0)
        # A class that no drawn patient has does not enter that resample's mean.
        means[start : start + step] = np.nansum(per_class, axis=1) / (number > 0).sum(axis=1)
    return means
