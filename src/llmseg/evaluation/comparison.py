"""Methods beside each other: scores over seeds and cases, and paired tests against a baseline.

The unit is the case: its classes are averaged first, then its runs (seeds), and only then are cases averaged or tested.
Seeds are no further observations; how much they matter stands apart, as a standard deviation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from llmseg.evaluation.statistics import Interval, bootstrap_by_patient

_NOISE = 9  # decimals of a difference; what lies below is rounding, and would be ranked as if it were an effect


@dataclass(frozen=True)
class Score:
    """One metric of one method.

    Attributes:
        mean: over the cases that have a value; NaN where none has.
        interval: 95 %, by patient; None under ten patients: "n too small".
        sd: of the runs' own means (n - 1); None with one run.
        cases: with a value.
    """

    mean: float
    interval: Interval | None
    sd: float | None
    cases: int


@dataclass(frozen=True)
class Difference:
    """One metric of one method minus that of the baseline, paired by case.

    Attributes:
        mean: over the cases that have a value in both; NaN where none has.
        interval: 95 %, by patient; None under ten patients.
        p: of the two-sided Wilcoxon signed-rank test; NaN without a pair.
        pairs: cases with a value in both.
        p_holm: p adjusted for all comparisons of the table; NaN until that is done.
    """

    mean: float
    interval: Interval | None
    p: float
    pairs: int
    p_holm: float = float("nan")


def case_scores(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean over the classes of each case in each run, NaN (both masks empty) left out.

    Args:
        rows: one row a run, case and class, with columns run, case, class and the metric.
        metric: its column.

    Returns:
        (cases, runs), both in order of their names, whatever the order of the rows.
    """
    ordered = rows.sort_values(["run", "case", "class"])
    return ordered.groupby(["case", "run"])[metric].mean().unstack("run")


def describe(scores: pd.DataFrame, patients: Mapping[str, str]) -> Score:
    """Summarise a table of `case_scores`.

    Args:
        scores: (cases, runs).
        patients: of each case.
    """
    cases = scores.mean(axis=1)
    runs = scores.mean(axis=0)
    return Score(
        mean=float(cases.mean()),
        interval=_interval(cases, patients),
        sd=float(runs.std()) if len(runs) > 1 else None,
        cases=int(cases.notna().sum()),
    )


def compare(scores: pd.DataFrame, baseline: pd.DataFrame, patients: Mapping[str, str]) -> Difference:
    """Compare two tables of `case_scores` case by case.

    Args:
        scores: (cases, runs) of a method.
        baseline: (the same cases, its runs).
        patients: of each case.
    """
    differences = (scores.mean(axis=1) - baseline.mean(axis=1)).round(_NOISE)
    return Difference(
        mean=float(differences.mean()),
        interval=_interval(differences, patients),
        p=signed_rank(differences),
        pairs=int(differences.notna().sum()),
    )


def signed_rank(differences: ArrayLike) -> float:
    """The p-value of Wilcoxon's signed-rank test (Wilcoxon 1945), two-sided.

    Args:
        differences: one a case; NaN is left out. Zeros are dropped before ranking, as in Wilcoxon's own procedure.

    Returns:
        p; 1 where all differences are zero, NaN where there are none.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan")
    values = values[values != 0]  # dropped here, since scipy gives up the exact distribution where it sees zeros
    return float(stats.wilcoxon(values, alternative="two-sided").pvalue) if len(values) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, step-down (Holm 1979); NaN stays NaN and does not count."""
    order = sorted((p, index) for index, p in enumerate(p_values) if p == p)
    adjusted = [float("nan")] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[index] = largest
    return adjusted


def _interval(cases: "pd.Series[float]", patients: Mapping[str, str]) -> Interval | None:
    return bootstrap_by_patient(cases.to_numpy(), [patients[str(case)] for case in cases.index])
