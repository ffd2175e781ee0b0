"""Bootstrap by patient against scipy and known results."""

import numpy as np
import pytest
from scipy import stats

from llmseg.evaluation.statistics import bootstrap_by_patient

IDS = [f"p{i}" for i in range(40)]
VALUES = np.random.default_rng(0).normal(0.8, 0.1, 40)


def test_equals_scipy_where_each_patient_has_one_case() -> None:
    ours = bootstrap_by_patient(VALUES, IDS)
    assert ours is not None
    theirs = stats.bootstrap((VALUES,), np.mean, method="percentile", n_resamples=10_000, rng=1).confidence_interval
    standard_error = VALUES.std() / np.sqrt(40)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.06 * standard_error)  # Monte Carlo noise


def test_patients_not_cases_are_resampled() -> None:
    alone = bootstrap_by_patient(VALUES, IDS)
    assert bootstrap_by_patient(np.repeat(VALUES, 5), np.repeat(IDS, 5).tolist()) == pytest.approx(alone)
    pretended = bootstrap_by_patient(np.repeat(VALUES, 5), [str(i) for i in range(200)])
    assert alone is not None
    assert pretended is not None
    # Five copies taken for independent cases shrink the interval by the root of five.
    assert (alone.high - alone.low) / (pretended.high - pretended.low) == pytest.approx(np.sqrt(5), rel=0.05)


def test_under_ten_patients_there_is_no_interval() -> None:
    assert bootstrap_by_patient(VALUES, [f"p{i % 9}" for i in range(40)]) is None
    assert bootstrap_by_patient(VALUES[:10], IDS[:10]) is not None
    assert bootstrap_by_patient([], []) is None


def test_patients_without_a_value_do_not_count() -> None:
    values = np.append(VALUES[:9], [np.nan] * 5)
    assert bootstrap_by_patient(values, IDS[:14]) is None
    with_nan = bootstrap_by_patient(np.append(VALUES, np.nan), [*IDS, "p99"])
    assert with_nan == pytest.approx(bootstrap_by_patient(VALUES, IDS), abs=0.002)


def test_constant_values_have_a_point_and_the_seed_decides() -> None:
    assert bootstrap_by_patient([0.5] * 12, IDS[:12]) == pytest.approx((0.5, 0.5))
    assert bootstrap_by_patient(VALUES, IDS, seed=3) == bootstrap_by_patient(VALUES, IDS, seed=3)
    assert bootstrap_by_patient(VALUES, IDS, seed=3) != bootstrap_by_patient(VALUES, IDS, seed=4)


def test_classes_are_averaged_within_each_resample() -> None:
    # Values that cancel between the classes leave a macro mean without any spread.
    table = np.stack([VALUES, 1 - VALUES], axis=1)
    assert bootstrap_by_patient(table, IDS) == pytest.approx((0.5, 0.5))


def test_every_case_needs_a_group() -> None:
    with pytest.raises(ValueError, match="groups"):
        bootstrap_by_patient(VALUES, IDS[:-1])
