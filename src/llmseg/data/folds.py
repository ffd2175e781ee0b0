"""Cross-validation: k parts of the training cases, by patient, alike in size and in the volumes of the classes."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llmseg.data.cases import Case
from llmseg.data.config import DataConfig
from llmseg.data.files import read_header
from llmseg.data.scan import read_label
from llmseg.data.split import Split
from llmseg.errors import ConfigError, DataError

_THREADS = 8


def choose_fold(split: Split, cases: Mapping[str, Case], classes: Sequence[str], config: DataConfig) -> Split:
    """The split in which part `config.fold` of the training cases validates and the others train.

    The cases of `split.val` are training cases here, so that every case outside the test part validates in one fold.

    Args:
        split: its test part stays as it is.
        cases: all cases by id; those of the split have labels.
        classes: whose volumes are to be alike in all folds.
        config: gives `fold`, `folds` and `split.seed`.

    Raises:
        ConfigError: no such fold.
        DataError: fewer patients than folds, or a label that cannot be read.
    """
    if config.folds < 2:
        raise ConfigError(f"data.folds={config.folds}: cross-validation needs 2 or more")
    if config.fold is None or not 0 <= config.fold < config.folds:
        raise ConfigError(
            f"data.fold={config.fold}: data.folds={config.folds}, so choose 0 to {config.folds - 1} or null"
        )
    pool = (*split.train, *split.val)
    chosen = [cases[id_] for id_ in pool]
    if (patients := len({case.group for case in chosen})) < config.folds:
        raise DataError(f"data.folds={config.folds}: there are {patients} training patient(s); choose fewer folds")
    with ThreadPoolExecutor(_THREADS) as threads:
        volumes = list(threads.map(lambda case: class_volumes(case, classes), chosen))
    by_patient: dict[str, NDArray[np.float64]] = {}
    for case, volume in zip(chosen, volumes, strict=True):
        by_patient[case.group] = by_patient.get(case.group, 0.0) + volume
    fold = assign_folds(by_patient, config.folds, config.split.seed)
    validates = {case.id for case in chosen if fold[case.group] == config.fold}
    return replace(
        split,
        train=tuple(id_ for id_ in pool if id_ not in validates),
        val=tuple(id_ for id_ in pool if id_ in validates),
    )


def class_volumes(case: Case, classes: Sequence[str]) -> NDArray[np.float64]:
    """Volume of each class in a case's label (K,), in cubic millimetres.

    Raises:
        DataError: the label cannot be read.
    """
    assert case.label is not None, "the data module checks it"
    raw = read_label(case.label, case.labels)
    voxel = read_header(case.label).spacing.prod()
    return np.array([np.isin(raw, case.labels[name]).sum() * voxel for name in classes], float)


def assign_folds(volumes: Mapping[str, NDArray[np.float64]], folds: int, seed: int) -> dict[str, int]:
    """Deal patients to folds; a function of its arguments alone, whatever the order of `volumes`.

    Patients are taken from the largest to the smallest, k at a time, one for each fold, so that folds differ by one
    patient at most. Within such a round each patient goes where least of what it has lies already.

    Args:
        volumes: patient -> volume of each class (K,).
        folds: their number k.
        seed: decides between equals, and which fold is which.

    Returns:
        Patient -> fold, 0 to k - 1.
    """
    random = np.random.default_rng(seed)
    names = sorted(volumes)
    table = np.stack([volumes[name] for name in names])
    table = table / np.maximum(table.sum(axis=0), 1e-12)  # a small class counts as much as a large one
    shuffled = random.permutation(len(names))
    order = shuffled[np.argsort(-table.sum(axis=1)[shuffled], kind="stable")]
    filled = np.zeros((folds, table.shape[1]))
    number = random.permutation(folds)
    result: dict[str, int] = {}
    for start in range(0, len(order), folds):
        free = list(number)
        for index in order[start : start + folds]:
            best = min(free, key=lambda fold: float(filled[fold] @ table[index]))
            free.remove(best)
            filled[best] += table[index]
            result[names[index]] = int(best)
    return result
