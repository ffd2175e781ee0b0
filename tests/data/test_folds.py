"""Folds: by patient, alike in size and volume, the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.data.cases import Case
from llmseg.data.config import DataConfig, SplitConfig
from llmseg.data.folds import assign_folds, choose_fold, class_volumes
from llmseg.data.split import Split
from llmseg.errors import ConfigError, DataError
from tests.data.make import case, one_line


def config(fold: int | None, folds: int = 3, seed: int = 0) -> DataConfig:
    return DataConfig(fold=fold, folds=folds, split=SplitConfig(seed=seed))


def volumes(patients: int, classes: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Lognormal, as tumours are."""
    table = np.random.default_rng(seed).lognormal(0, 1.5, (patients, classes))
    return {f"p{index:03d}": row for index, row in enumerate(table)}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Ten cases of nine patients (a and b are one) with 1 to 10 voxels of each class, and a test case."""
    folder = tmp_path_factory.mktemp("cases")
    made = {}
    for index, name in enumerate("abcdefghijt"):
        label = np.zeros((6, 5, 4), np.uint8)
        label.flat[: index + 1] = 1
        label.flat[20 : 21 + index] = 2
        made[name] = case(folder / name, label=label)
    made["b"] = replace(made["b"], group="a")
    return made


SPLIT = Split(tuple("abcdefg"), tuple("hij"), ("t",))


def test_every_training_case_validates_once_and_the_test_part_stays(cases: dict[str, Case]) -> None:
    found = [choose_fold(SPLIT, cases, ["one", "two"], config(fold)) for fold in range(3)]
    assert sorted(id_ for split in found for id_ in split.val) == list("abcdefghij")
    for split in found:
        assert split.test == ("t",)
        assert sorted(split.train + split.val) == list("abcdefghij")
        assert ("a" in split.val) == ("b" in split.val)


def test_a_fold_depends_on_nothing_but_the_cases_and_the_seed(cases: dict[str, Case]) -> None:
    def validates(split: Split, seed: int = 0) -> set[str]:
        return set(choose_fold(split, cases, ["one"], config(1, seed=seed)).val)

    other = Split(tuple("jihgf"), tuple("edcba"), ())
    assert validates(SPLIT) == validates(other)
    assert len({frozenset(validates(SPLIT, seed)) for seed in range(5)}) > 1


def test_volumes_are_in_millimetres(tmp_path: Path) -> None:
    label = np.zeros((6, 5, 4), np.uint8)
    label[0, 0, :3] = 2
    np.testing.assert_allclose(class_volumes(case(tmp_path, label=label), ["one", "two"]), [0, 3 * 1.0 * 1.5 * 2.0])


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.integers(2, 5), st.integers(0, 100))
def test_folds_differ_by_one_patient_at_most(patients: int, folds: int, seed: int) -> None:
    if patients < folds:
        return
    assigned = assign_folds(volumes(patients, seed=seed), folds, seed)
    counts = np.bincount(list(assigned.values()), minlength=folds)
    assert len(counts) == folds
    assert np.ptp(counts) <= 1


def test_folds_are_more_alike_in_every_class_than_chance() -> None:
    table = volumes(50, classes=2)

    def spread(assigned: dict[str, int]) -> np.ndarray:
        sums = np.zeros((5, 2))
        for patient, fold in assigned.items():
            sums[fold] += table[patient]
        return sums.std(axis=0)

    chance = [
        spread(dict(zip(table, np.random.default_rng(seed).permutation(50) % 5, strict=True))) for seed in range(200)
    ]
    for seed in range(5):
        assert (spread(assign_folds(table, 5, seed)) < np.quantile(chance, 0.05, axis=0)).all()


def test_one_class_in_three_folds_by_hand() -> None:
    """9, 8, 7 to three folds, then 3 to the fold of 7, 2 to that of 8, 1 to that of 9."""
    sizes = {name: np.array([float(size)]) for name, size in zip("abcdef", (9, 1, 7, 2, 8, 3), strict=True)}
    assigned = assign_folds(sizes, 3, 0)
    pairs = {frozenset(name for name in sizes if assigned[name] == fold) for fold in range(3)}
    assert pairs == {frozenset("ab"), frozenset("ed"), frozenset("cf")}


def test_a_class_that_nobody_has_does_no_harm() -> None:
    assert set(assign_folds({name: np.array([1.0, 0.0]) for name in "abcd"}, 2, 0).values()) == {0, 1}


@pytest.mark.parametrize(("fold", "folds", "words"), [(5, 3, ("data.fold=5", "0 to 2")), (0, 1, ("data.folds=1",))])
def test_no_such_fold(cases: dict[str, Case], fold: int, folds: int, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_fold(SPLIT, cases, ["one"], config(fold, folds))
    one_line(caught.value, *words)


def test_more_folds_than_patients(cases: dict[str, Case]) -> None:
    with pytest.raises(DataError) as caught:
        choose_fold(SPLIT, cases, ["one"], config(0, 10))
    one_line(caught.value, "data.folds=10", "9 training patient")
