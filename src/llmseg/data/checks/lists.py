"""The split: its lists, its patients, and what its parts hold."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from llmseg.data import labelled
from llmseg.data.cases import Case
from llmseg.data.checks.fault import FAULT, WARNING, Fault
from llmseg.data.checks.scans import Examined
from llmseg.data.config import DataConfig
from llmseg.data.folds import choose_fold
from llmseg.data.official import list_faults, official_lists
from llmseg.data.split import Split, without_held_out
from llmseg.errors import DataError

PARTS = ("train", "val", "test", "unlabelled")


def divide(
    cases: Sequence[Case], config: DataConfig, left_out: Sequence[str], bare: bool = False
) -> tuple[dict[str, str], list[Fault]]:
    """Which part each case belongs to but for `data.fold`, and what is wrong with the lists and with it.

    Args:
        cases: with ids of their own.
        config: gives the folder, `split` and `labelled`.
        left_out: ids of cases that the reader refuses: lists may name them.
        bare: training cases may lack a label; they may anyway where a list or `labelled` says so.

    Raises:
        ConfigError: a share lies outside [0, 1), or there are not so many cases to be labelled.
    """
    lists, root, meant = None, Path(config.root), bare or config.labelled is not None
    spared: set[str] = set()
    try:
        lists, origin = official_lists(cases, config.split, root)
        if lists is not None:
            spared = {*lists.get("unlabelled", ()), *(lists["train"] if meant else ())}
            groups = {name: name for name in left_out} | {case.id: case.group for case in cases}
            faults = [Fault.of(fault, "list") for fault in list_faults(lists, groups, origin)]
            known = {case.id for case in cases}
            if faults or any(name not in known for ids in lists.values() for name in ids):
                parts = {name: part for part in reversed(lists) for name in lists[part]}
                return parts, faults + _without_label(cases, parts.keys() - spared)
        split = asdict(labelled.divide({case.id: case for case in cases}, config))
    except DataError as error:
        # Too few patients are no fault of their own where others were left out.
        return {}, [Fault.of(error, "list")] if lists is not None or not left_out else []
    parts = {name: part for part in PARTS for name in split[part]}
    spared.update(split["unlabelled"] if meant else ())
    return parts, _without_label(cases, parts.keys() - spared)


def in_fold(cases: Sequence[Case], parts: dict[str, str], config: DataConfig) -> tuple[dict[str, str], list[Fault]]:
    """The parts as `data.fold` has them, once all labels are known to be sound.

    Raises:
        ConfigError: no such fold.
    """
    by_id = {case.id: case for case in cases}
    split = Split(**{part: tuple(name for name in parts if parts[name] == part) for part in PARTS})
    try:
        split = choose_fold(split, by_id, config.classes or [], config)
    except DataError as error:
        return parts, [Fault.of(error, "list")]
    divided = asdict(without_held_out(split, {name: case.group for name, case in by_id.items()}))
    return {name: part for part in PARTS for name in divided[part]}, []


def _without_label(cases: Iterable[Case], names: Collection[str]) -> list[Fault]:
    """Those of the named cases that have no label."""
    return [
        Fault(case.id, str(case.images[0]), "label", "the case has no label", "add it, or leave it out of the split")
        for case in cases
        if case.label is None and case.id in names
    ]


def absent_classes(cases: Sequence[Examined], parts: Mapping[str, str], classes: Sequence[str]) -> list[Fault]:
    """Classes without a single voxel: in the whole data set, else in one part."""
    faults = []
    labelled = [case for case in cases if case.volumes]
    for name in classes:
        seen = {parts.get(case.case.id, "") for case in labelled if case.volumes.get(name, 0) > 0}
        if labelled and not seen:
            remedy = "correct data.classes or the labels"
            faults.append(Fault("", "", "class", f"class {name!r} occurs in no label", remedy))
            continue
        for part in _REMEDIES:
            if part not in seen and any(parts.get(case.case.id) == part for case in labelled):
                what = f"class {name!r} occurs in no {part} case"
                severity = FAULT if part == "train" else WARNING
                faults.append(Fault("", "", "class", what, _REMEDIES[part], severity))
    return faults


_REMEDIES = {
    "train": "divide otherwise (data.split), it cannot be learned",
    "val": "divide otherwise (data.split), or choose no checkpoint by it",
    "test": "divide otherwise (data.split), it has no score",
}
