"""The same voxels under two names."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from llmseg.data.checks.fault import FAULT, WARNING, Fault
from llmseg.data.checks.scans import Examined
from llmseg.data.files import files_of


def copied(cases: Iterable[Examined], parts: Mapping[str, str]) -> list[Fault]:
    """Channels with equal voxels, in one case or two, and labels that two cases share; one row for two cases.

    Channels in one file (the colours of a picture) may be equal.

    Args:
        cases: all cases.
        parts: case id -> train, val or test.
    """
    faults: list[Fault] = []
    images: dict[str, tuple[str, Path]] = {}
    labels: dict[str, Examined] = {}
    for case in cases:
        copies: dict[str, Fault] = {}
        for path, digest in case.images.items():
            other, first = images.setdefault(digest, (case.case.id, path))
            if files_of(first) != files_of(path):
                copies.setdefault(other, _image(case.case.id, path, other, first, parts))
        faults += copies.values()
        if case.label is None or copies:
            continue
        source = labels.setdefault(case.label, case)
        if source is not case:
            what = f"the same label as that of {source.case.id}, {source.case.label}, though the images differ"
            remedy = "make sure that each label is of its own image"
            faults.append(Fault(case.case.id, str(case.case.label), "copy", what, remedy, WARNING))
    return faults


def _image(case: str, path: Path, other: str, first: Path, parts: Mapping[str, str]) -> Fault:
    if case == other:
        what, remedy = f"the same voxels as {first}", "export this channel again: one is a copy of the other"
        return Fault(case, str(path), "copy", what, remedy, FAULT)
    sides = [parts.get(name, "not in the split") for name in (case, other)]
    what = f"the same voxels as {first} of case {other} ({sides[1]}; this one: {sides[0]})"
    leak = sides[0] != sides[1] and not {"not in the split"} & set(sides)
    remedy = "remove one of the two cases" + (": a score on cases that were trained on means nothing" if leak else "")
    return Fault(case, str(path), "copy", what, remedy)
