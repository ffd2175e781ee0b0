"""Many networks on the same cases: Friedman's test, and Nemenyi's critical difference between mean ranks.

Demsar (2006), "Statistical comparisons of classifiers over multiple data sets", with cases in the place of data sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from llmseg.evaluation.statistics import MINIMUM_PATIENTS

ALPHA = 0.05
_NOISE = 9  # decimals of a score; what lies below is rounding


@dataclass(frozen=True)
class Ranking:
    """Networks ranked over cases.

    Attributes:
        ranks: mean rank of each network, best (1) first.
        p: of Friedman's test; 1 where no case tells two networks apart.
        critical_difference: of two mean ranks at 5 % (Nemenyi).
        p_nemenyi: (networks, networks), in the order of `ranks`.
        cliques: longest runs of networks in the order of `ranks` that Nemenyi's test does not tell apart.
        cases: that all networks have a score of.
    """

    ranks: "pd.Series[float]"
    p: float
    critical_difference: float
    p_nemenyi: pd.DataFrame
    cliques: list[list[str]]
    cases: int


def rank(scores: pd.DataFrame, patients: int) -> Ranking | None:
    """Rank networks, the highest score first; ties share their mean rank.

    Args:
        scores: (cases, networks); cases that a network has no score of are left out.
        patients: number of patients that the cases are of.

    Returns:
        None under three networks or ten patients: "n too small".
    """
    whole = scores.dropna().round(_NOISE)
    cases, networks = whole.shape
    if networks < 3 or min(cases, patients) < MINIMUM_PATIENTS:
        return None
    ranks = whole.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    difference = critical_difference(networks, cases)
    p_nemenyi = _nemenyi(whole[list(ranks.index)])
    return Ranking(
        ranks=ranks,
        p=_friedman(whole),
        critical_difference=difference,
        p_nemenyi=p_nemenyi,
        cliques=_cliques(ranks, difference),
        cases=cases,
    )


def critical_difference(networks: int, cases: int, alpha: float = ALPHA) -> float:
    """Least difference of two mean ranks that is significant (Nemenyi 1963; Demsar 2006, section 3.2.2)."""
    q = float(stats.studentized_range.ppf(1 - alpha, networks, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(networks * (networks + 1) / (6 * cases)))


def _friedman(scores: pd.DataFrame) -> float:
    if (scores.nunique(axis=1) == 1).all():
        return 1.0
    return float(stats.friedmanchisquare(*(scores[name] for name in scores)).pvalue)


def _nemenyi(scores: pd.DataFrame) -> pd.DataFrame:
    import scikit_posthocs  # type: ignore[import-untyped]

    table: pd.DataFrame = scikit_posthocs.posthoc_nemenyi_friedman(scores.to_numpy())
    return table.set_axis(scores.columns, axis=0).set_axis(scores.columns, axis=1)


def _cliques(ranks: "pd.Series[float]", difference: float) -> list[list[str]]:
    names, values = [str(name) for name in ranks.index], ranks.to_numpy()
    ends = [int(np.searchsorted(values, value + difference, side="left")) for value in values]
    return [names[start:end] for start, end in enumerate(ends) if end - start > 1 and _is_longest(ends, start)]


def _is_longest(ends: Sequence[int], start: int) -> bool:
    return start == 0 or ends[start] > ends[start - 1]
