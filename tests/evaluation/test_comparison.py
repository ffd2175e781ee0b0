"""Scores over seeds and cases by hand, Wilcoxon against scipy and a textbook, Holm by hand."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from llmseg.evaluation.comparison import case_scores, compare, describe, holm, signed_rank
from llmseg.evaluation.statistics import bootstrap_by_patient

IDS = [f"c{n:02d}" for n in range(12)]
PATIENTS = {case: f"p{case}" for case in IDS}
NAN = float("nan")


def rows(values: NDArray[np.float64]) -> pd.DataFrame:
    """One row a run, case and class from (runs, cases, classes)."""
    return pd.DataFrame(
        {"run": f"r{run}", "case": IDS[case], "class": f"k{name}", "dice": values[run, case, name]}
        for run, case, name in np.ndindex(values.shape)
    )


def table(values: object) -> pd.DataFrame:
    return case_scores(rows(np.asarray(values, dtype=np.float64)), "dice")


def test_classes_then_seeds_then_cases_by_hand() -> None:
    # two runs, two cases, two classes; of case 0 in run 0 one class has no value
    scores = table([[[0.8, NAN], [0.2, 0.4]], [[0.6, 0.8], [0.5, 0.5]]])
    assert scores.to_numpy() == pytest.approx(np.array([[0.8, 0.7], [0.3, 0.5]]))
    score = describe(scores, PATIENTS)
    assert score.mean == pytest.approx((0.75 + 0.4) / 2)
    assert score.sd == pytest.approx(np.std([0.55, 0.6], ddof=1))  # of the runs' means
    assert score.interval is None  # two patients
    assert score.cases == 2


def test_one_seed_has_no_sd_and_a_case_without_value_is_left_out() -> None:
    score = describe(table([[[0.5], [NAN], [0.7]]]), PATIENTS)
    assert (score.mean, score.sd, score.cases) == (pytest.approx(0.6), None, 2)


def test_seeds_are_averaged_before_cases_are_resampled() -> None:
    values = np.random.default_rng(0).uniform(0.5, 0.9, (3, 12, 2))
    averaged = values.mean(axis=(0, 2))
    score = describe(table(values), PATIENTS)
    assert score.mean == pytest.approx(averaged.mean())
    assert score.interval == pytest.approx(bootstrap_by_patient(averaged, IDS))
    # seeds that disagree about each case, but not on average, neither widen nor narrow it
    noise = np.array([0.05, 0.0, -0.05])[:, None, None]
    assert describe(table(values.mean(axis=0) + noise), PATIENTS).interval == pytest.approx(score.interval)


def test_comparison_is_a_test_on_averaged_cases() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rng.uniform(0.6, 0.9, (3, 12, 2)), rng.uniform(0.5, 0.8, (2, 12, 2))  # other numbers of seeds
    difference = compare(table(ours), table(theirs), PATIENTS)
    a, b = ours.mean(axis=(0, 2)), theirs.mean(axis=(0, 2))
    assert difference.p == pytest.approx(stats.wilcoxon(a, b, alternative="two-sided").pvalue)
    assert difference.mean == pytest.approx((a - b).mean())
    assert difference.interval == pytest.approx(bootstrap_by_patient(a - b, IDS), abs=1e-8)
    assert difference.pairs == 12
    swapped = compare(table(theirs), table(ours), PATIENTS)
    assert (swapped.p, swapped.mean) == (pytest.approx(difference.p), pytest.approx(-difference.mean))


def test_only_cases_with_both_values_are_paired() -> None:
    ours, theirs = np.full((1, 12, 1), 0.8), np.full((1, 12, 1), 0.7)
    ours[0, 0, 0], theirs[0, 1, 0], theirs[0, 2, 0] = NAN, NAN, 0.75
    difference = compare(table(ours), table(theirs), PATIENTS)
    assert difference.pairs == 10
    assert difference.mean == pytest.approx((9 * 0.1 + 0.05) / 10)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_seeds_and_cases_does_not_matter(seed: int) -> None:
    values = np.random.default_rng(2).uniform(0.5, 0.9, (3, 12, 1))
    other = np.random.default_rng(3).uniform(0.5, 0.9, (1, 12, 1))
    shuffled = rows(values).sample(frac=1, random_state=seed)
    first, second = table(values), case_scores(shuffled, "dice")
    assert describe(first, PATIENTS) == describe(second, PATIENTS)
    one, two = (compare(scores, table(other), PATIENTS) for scores in (first, second))
    assert (one.mean, one.interval, one.p, one.pairs) == (two.mean, two.interval, two.p, two.pairs)


def test_renamed_seeds_change_nothing_but_rounding() -> None:
    values = np.random.default_rng(2).uniform(0.5, 0.9, (3, 12, 2))
    first = describe(table(values), PATIENTS)
    for order in permutations(range(3)):
        other = describe(table(values[list(order)]), PATIENTS)
        assert (other.mean, other.sd) == (pytest.approx(first.mean), pytest.approx(first.sd))
        assert other.interval == pytest.approx(first.interval)


def test_signed_rank_of_a_textbook() -> None:
    # Hollander & Wolfe (1973), depression scale before and after: V = 40, one-sided p = 0.01953
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    assert signed_rank(np.subtract(before, after)) == pytest.approx(2 * 0.01953125)


def test_signed_rank_drops_zeros_and_nan() -> None:
    assert signed_rank([1, 2, 3]) == pytest.approx(2 / 2**3)  # all of one sign
    assert signed_rank([0, 1, NAN, 2, 0, 3]) == pytest.approx(2 / 2**3)
    assert signed_rank([0.0, 0.0, NAN]) == 1
    assert np.isnan(signed_rank([NAN]))
    assert np.isnan(signed_rank([]))


def test_rounding_is_no_difference() -> None:
    # three seeds in another order have another last bit
    values = np.random.default_rng(4).uniform(0.5, 0.9, (3, 12, 1))
    difference = compare(table(values), table(values[[2, 0, 1]]), PATIENTS)
    assert (difference.p, difference.mean) == (1, 0)


def test_holm_by_hand() -> None:
    # 4 * .005, 3 * .01, 2 * .03, and .04 may not be below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == pytest.approx([1, 1])
    assert holm([]) == []


def test_holm_leaves_out_what_was_not_tested() -> None:
    adjusted = holm([0.01, NAN, 0.03])
    assert adjusted[0] == pytest.approx(0.02)
    assert adjusted[2] == pytest.approx(0.03)
    assert np.isnan(adjusted[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    """Against the procedure as Holm wrote it: go on while p(k) <= alpha / (m - k + 1)."""
    rejected = []
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        if p_values[index] * (len(p_values) - rank) > alpha:
            break
        rejected.append(index)
    adjusted = holm(p_values)
    assert {index for index, p in enumerate(adjusted) if p <= alpha} == set(rejected)
    assert all(0 <= p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
