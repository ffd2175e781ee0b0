"""Which training cases keep their labels: semi-supervised training learns from the others' images alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from llmseg.data.cases import Case
from llmseg.data.config import DataConfig
from llmseg.data.split import Split, make_split, without_held_out
from llmseg.data.validation import shorten
from llmseg.errors import ConfigError, DataError


def divide(cases: Mapping[str, Case], config: DataConfig) -> Split:
    """Divide cases into the parts of `make_split`, and the training cases into labelled and unlabelled ones.

    With `data.labelled=n`, n cases of the training list are labelled, the first ones (as the field does) or those that
    `data.labelled_seed` draws; validation cases come from a declared list, or are at least `data.labelled_val` of the
    n, whole patients from the end of the list, never further labels. Without it every training case with a label file
    is labelled.

    Raises:
        ConfigError: there are not that many cases, or folds are asked for as well.
        DataError: see `make_split`; a case that has to be labelled has no label file.
    """
    if config.labelled is None:
        split = make_split(list(cases.values()), config.split, Path(config.root))
        return _without_labels_last(split, cases)
    if config.fold is not None:
        raise ConfigError("data.fold: folds are balanced by the labels, which data.labelled hides; give one of the two")
    split = make_split(list(cases.values()), replace(config.split, val=0.0), Path(config.root))
    labelled = _choose(split.train, cases, config)
    rest = tuple(id_ for id_ in (*split.train, *split.unlabelled) if id_ not in labelled)
    train, val = labelled, split.val
    if config.labelled_val:
        if split.val:
            raise ConfigError("data.labelled_val: the data set declares validation cases; leave it 0")
        train, val = _last_patients(labelled, cases, config.labelled_val)
    groups = {id_: case.group for id_, case in cases.items()}
    return without_held_out(Split(train, val, split.test, rest), groups)


def require_labels(split: Split, cases: Mapping[str, Case], uses_unlabelled: bool | None, config: DataConfig) -> None:
    """Check that every case that is to be labelled is, and that there is something to learn from.

    Args:
        split: as `divide` made it.
        cases: all, by id.
        uses_unlabelled: the training method does; None: nothing is trained.
        config: the data set.

    Raises:
        ConfigError: the method wants unlabelled cases and there are none.
        DataError: a case has no label file, and nothing says that it may.
    """
    bare = [id_ for part in (split.train, split.val, split.test) for id_ in part if cases[id_].label is None]
    if config.labelled is None and uses_unlabelled is False:
        bare += split.unlabelled
    if bare:
        case = cases[bare[0]]
        more = f" (and {len(bare) - 1} more: {shorten(bare[1:])})" if len(bare) > 1 else ""
        raise DataError(f"{case.images[0]}: case {case.id} has no label; remove it or add the label{more}")
    if uses_unlabelled and not split.unlabelled:
        raise ConfigError(
            "method: learns from unlabelled cases as well, and there are none; say how many of the training cases keep "
            "their labels, e.g. data.labelled=8, or add scans without a label"
        )


def _choose(train: Sequence[str], cases: Mapping[str, Case], config: DataConfig) -> tuple[str, ...]:
    count = config.labelled
    assert count is not None, "the caller has looked"
    if not 0 < count <= len(train):
        raise ConfigError(f"data.labelled={count}: the training list has {len(train)}")
    if not 0 <= config.labelled_val < count:
        raise ConfigError(f"data.labelled_val={config.labelled_val}: give 0 to {count - 1}, fewer than data.labelled")
    if config.labelled_seed is None:
        return tuple(train[:count])
    able = [id_ for id_ in train if cases[id_].label is not None]
    if count > len(able):
        raise ConfigError(f"data.labelled={count}: only {len(able)} training cases have a label file")
    drawn = np.random.default_rng(config.labelled_seed).permutation(len(able))[:count]
    return tuple(able[index] for index in drawn)


def _last_patients(
    labelled: Sequence[str], cases: Mapping[str, Case], count: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labelled cases without, and of, the last patients that have so many of them.

    Raises:
        ConfigError: nobody would be left to train on.
    """
    chosen: set[str] = set()
    for id_ in reversed(labelled):
        if sum(cases[other].group in chosen for other in labelled) >= count:
            break
        chosen.add(cases[id_].group)
    train = tuple(id_ for id_ in labelled if cases[id_].group not in chosen)
    if not train:
        raise ConfigError(f"data.labelled_val={count}: leaves no patient to train on; choose fewer")
    return train, tuple(id_ for id_ in labelled if cases[id_].group in chosen)


def _without_labels_last(split: Split, cases: Mapping[str, Case]) -> Split:
    """Training cases without a label file are unlabelled ones."""
    train = tuple(id_ for id_ in split.train if cases[id_].label is not None)
    bare = tuple(id_ for id_ in split.train if cases[id_].label is None)
    return replace(split, train=train, unlabelled=(*bare, *split.unlabelled))
