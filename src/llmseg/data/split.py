"""Which cases train, validate and test; a patient is never on two sides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from llmseg.data.cases import Case
from llmseg.data.config import SplitConfig
from llmseg.data.official import PARTS, list_faults, official_lists, read_lists
from llmseg.data.split_rules import BY_CASE
from llmseg.data.validation import require_unique_ids, shorten
from llmseg.errors import ConfigError, DataError


@dataclass(frozen=True)
class Split:
    """Case ids of the three parts.

    Attributes:
        train: in the order of the official list, or in a seeded random order of patients.
        val: as `train`.
        test: as `train`.
        unlabelled: training cases whose labels are missing, or are not to be read.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The split as the JSON text that `from_json` reads; without `unlabelled` where there are none."""
        lists = {part: ids for part, ids in asdict(self).items() if ids or part in PARTS}
        return json.dumps(lists, indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> "Split":
        """Read a split that lists all three parts.

        Raises:
            DataError: the file is broken, or has no list of ids for a part.
        """
        lists = read_lists(path)
        if missing := [part for part in PARTS if part not in lists]:
            raise DataError(f"{path}: no key {missing[0]!r}: a split of a run lists train, val and test")
        return cls(**lists)


def make_split(cases: Sequence[Case], config: SplitConfig, root: Path) -> Split:
    """Divide cases by the data set's official lists, else by patient with a seed.

    Official, the first that exists: `config.file`; `split.json` in the root; lists there, one case a line: `train.list`
    and `test.list` (and `val.list`), or the same as `.txt`, where `train_lab.txt` and then `train_unlab.txt` may stand
    for `train.txt`; an nnU-Net folder's labelled `imagesTs` as the test part. Where an official split has no `val`,
    validation patients are drawn from its training list. Cases that no list names are not used. The result does not
    depend on the order of `cases`. An official split may list `unlabelled` cases apart. Without one only cases that
    have a label are divided; the others are unlabelled, but for those whose patient validates or tests.

    `config.leave_out` goes before them all: its patients are the test part.

    A rule of `BY_CASE` is for the comparison with published numbers: it goes before the lists in the root, and neither
    it nor `config.file` beside it asks which patient a case is of.

    Raises:
        ConfigError: a share lies outside [0, 1), no such rule, or no such patient to leave out.
        DataError: an id is unknown, listed twice or shared by two cases, a patient is on two sides, the training part
            is empty, or there are too few patients.
    """
    _check(config)
    require_unique_ids(cases)
    cases = sorted(cases, key=lambda case: case.id)
    by_case = config.rule in BY_CASE
    if by_case and config.file is None and config.leave_out is None:
        return _by_rule([case.id for case in cases], config)
    groups = {case.id: case.id if by_case else case.group for case in cases}
    official, origin = _leave_out(cases, config) or official_lists(cases, config, root)
    rng = np.random.default_rng(config.seed)
    if official is None:
        split = _add_unlabelled(_by_patient(_labelled(cases, groups), config, rng), cases)
    else:
        if fault := next(list_faults(official, groups, origin), None):
            raise DataError(fault)
        train, val = official["train"], official.get("val")
        if val is None:
            known = _labelled(cases, groups)
            able = tuple(id_ for id_ in train if id_ in known)
            _, val = _draw(able, groups, config.val, rng, f"{origin}: too few training patients for validation")
            drawn = {groups[id_] for id_ in val}
            train = tuple(id_ for id_ in train if groups[id_] not in drawn)
        split = Split(train, val, official["test"], official.get("unlabelled", ()))
    return split


def _leave_out(cases: Sequence[Case], config: SplitConfig) -> tuple[dict[str, tuple[str, ...]] | None, str] | None:
    """Lists with the patients of `leave_out` as the test part; None where there is nobody to leave out."""
    if config.leave_out is None:
        return None
    given = config.leave_out
    if not isinstance(given, str | int | Sequence) or (isinstance(given, Sequence) and not given):
        raise ConfigError(f"data.split.leave_out={given}: name a patient, or several as a list")
    wanted = {str(given)} if isinstance(given, str | int) else {str(name) for name in given}
    able = [case for case in cases if case.label is not None] or list(cases)
    if unknown := sorted(wanted - {name for case in able for name in (case.id, case.group)}):
        known = shorten(sorted({case.group for case in able}))
        raise ConfigError(f"data.split.leave_out={unknown[0]}: no such patient; there is {known}")
    held_out = {case.group for case in able if wanted & {case.id, case.group}}
    unlabelled = [case for case in cases if case not in able and case.group not in held_out]
    lists = {
        "train": tuple(case.id for case in able if case.group not in held_out),
        "test": tuple(case.id for case in able if case.group in held_out),
    }
    lists |= {"unlabelled": tuple(case.id for case in unlabelled)} if unlabelled else {}
    return lists, f"data.split.leave_out={config.leave_out}"


def _labelled(cases: Sequence[Case], groups: Mapping[str, str]) -> dict[str, str]:
    """Patients of the cases with a label; of all, where none has one: that is a fault for others to name."""
    return {case.id: groups[case.id] for case in cases if case.label is not None} or dict(groups)


def _add_unlabelled(split: Split, cases: Sequence[Case]) -> Split:
    bare = (case.id for case in cases if case.label is None and case.id not in split.train)
    return without_held_out(replace(split, unlabelled=tuple(bare)), {case.id: case.group for case in cases})


def without_held_out(split: Split, groups: Mapping[str, str]) -> Split:
    """The split without unlabelled cases of patients that validate or test.

    Args:
        split: any.
        groups: case id -> patient.
    """
    held_out = {groups[id_] for id_ in (*split.val, *split.test)}
    return replace(split, unlabelled=tuple(id_ for id_ in split.unlabelled if groups[id_] not in held_out))


def _by_rule(ids: Sequence[str], config: SplitConfig) -> Split:
    parts = BY_CASE[config.rule](len(ids), config)
    wanted = (True, config.val > 0, config.test > 0)
    if any(want and not part for want, part in zip(wanted, parts, strict=True)):
        raise DataError(
            f"{len(ids)} case(s) ({shorten(ids)}) cannot be divided by data.split.rule={config.rule}: add cases"
        )
    train, val, test = (tuple(ids[index] for index in part) for part in parts)
    return Split(train, val, test)


def _by_patient(groups: Mapping[str, str], config: SplitConfig, rng: np.random.Generator) -> Split:
    patients = sorted(set(groups.values()))
    needed = 1 + (config.val > 0) + (config.test > 0)
    if len(patients) < needed:
        raise DataError(
            f"{len(patients)} patient(s) ({shorten(patients)}) cannot be divided into {needed} parts: add cases, give "
            "data.split.file, or set data.split.val=0 or data.split.test=0"
        )
    shuffled = [patients[i] for i in rng.permutation(len(patients))]
    ids = tuple(case_id for patient in shuffled for case_id, group in groups.items() if group == patient)
    # Drawn before validation: the test part must not change with the validation share.
    most = len(patients) - 1 - (config.val > 0)
    train, test = _draw(ids, groups, config.test, rng, "too few patients", most)
    train, val = _draw(train, groups, config.val, rng, "too few patients")
    return Split(train, val, test)


def _draw(
    ids: Sequence[str],
    groups: Mapping[str, str],
    share: float,
    rng: np.random.Generator,
    complaint: str,
    most: int | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw a share of the patients, at least one and at most `most`; returns the ids that stay and those drawn."""
    patients = sorted({groups[case_id] for case_id in ids})
    if share == 0:
        return tuple(ids), ()
    most = len(patients) - 1 if most is None else most
    if most < 1:
        raise DataError(f"{complaint} ({len(patients)}): add cases or set data.split.val=0")
    count = min(max(round(share * len(patients)), 1), most)
    drawn = {patients[i] for i in rng.permutation(len(patients))[:count]}
    stay = tuple(case_id for case_id in ids if groups[case_id] not in drawn)
    return stay, tuple(case_id for case_id in ids if groups[case_id] in drawn)


def _check(config: SplitConfig) -> None:
    if config.rule != "patient" and config.rule not in BY_CASE:
        raise ConfigError(f"data.split.rule={config.rule}: choose one of patient, {', '.join(BY_CASE)}")
    for key, share in (("test", config.test), ("val", config.val)):
        if not 0 <= share < 1:
            raise ConfigError(f"data.split.{key}={share}: must be a share, 0 or more and below 1")
