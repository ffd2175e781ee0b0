"""How large a difference is, apart from how sure it is: effect sizes by rank, which need no normal distribution."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014): favourable minus unfavourable share of the rank sum.

    Args:
        differences: one a case; NaN is left out and zeros are dropped, as in Wilcoxon's test.

    Returns:
        From -1 (all differences negative) to 1 (all positive); 0 where all are zero, NaN where there are none.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan")
    values = values[values != 0]
    if not len(values):
        return 0.0
    ranks = rankdata(np.abs(values))
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> float:
    """Cliff's delta (Cliff 1993): how often a value of the first sample lies above one of the second, minus below.

    Args:
        first: a sample; NaN is left out.
        second: another one, not paired.

    Returns:
        From -1 to 1; NaN where a sample is empty.
    """
    one, two = (np.asarray(sample, dtype=np.float64) for sample in (first, second))
    one, two = one[~np.isnan(one)], two[~np.isnan(two)]
    if not len(one) or not len(two):
        return float("nan")
    return float(np.sign(one[:, None] - two[None, :]).mean())
