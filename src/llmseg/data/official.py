"""A data set's own lists of training and test cases, and what can be wrong with them."""

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Any

from llmseg.data.cases import Case
from llmseg.data.config import SplitConfig
from llmseg.data.files import read_json
from llmseg.data.validation import shorten
from llmseg.errors import DataError

PARTS = ("train", "val", "test")
_LISTS = (*PARTS, "unlabelled")
_TRAINING_LISTS = (("train.list",), ("train.txt",), ("train_lab.txt", "train_unlab.txt"))


def official_lists(
    cases: Sequence[Case], config: SplitConfig, root: Path
) -> tuple[dict[str, tuple[str, ...]] | None, str]:
    """The official lists of ids by part, None without any, and where they come from.

    Raises:
        DataError: a list is broken or missing.
    """
    path = Path(config.file) if config.file else root / "split.json"
    if config.file or path.is_file():
        lists = read_lists(path)
        for part in ("train", "test"):
            if part not in lists:
                raise DataError(
                    f"{path}: key {part!r} is missing: give lists of case ids as 'train', 'test' and optionally 'val'"
                )
        return lists, str(path)
    for train in _TRAINING_LISTS:
        files = {part: [root / f"{part}{Path(train[0]).suffix}"] for part in PARTS}
        files["train"] = [root / name for name in train]
        if files["train"][0].is_file():
            return _read_list_files(files, {case.id for case in cases}), str(files["train"][0])
    if test := tuple(case.id for case in cases if case.images[0].parent == root / "imagesTs"):
        return {"train": tuple(case.id for case in cases if case.id not in test), "test": test}, str(root / "imagesTs")
    return None, str(root)


def _read_list_files(files: Mapping[str, Sequence[Path]], known: Set[str]) -> dict[str, tuple[str, ...]]:
    """Lists of one case a line, by part; `val` may be missing."""
    lists: dict[str, tuple[str, ...]] = {}
    for part, paths in files.items():
        for path in paths:
            if path.is_file():
                lines = path.read_text(encoding="utf-8-sig").split()
                lists[part] = (*lists.get(part, ()), *(_listed_id(line, known) for line in lines))
            elif part != "val":
                raise DataError(f"{path}: no such file, but {files['train'][0]} is there: add the {part} ids")
    return lists


def _listed_id(line: str, known: Set[str]) -> str:
    """The case of a line: `ID`, `ID.h5`, `ID,...` or `ID/mri_norm2.h5`."""
    if line in known:
        return line
    path = PurePosixPath(line.partition(",")[0])
    return path.parent.name or path.name.removesuffix(".h5")


def read_lists(path: Path) -> dict[str, tuple[str, ...]]:
    """The lists of ids in a split's file, by part; whatever other keys it has.

    Raises:
        DataError: the file is broken, or a part is no list of ids.
    """
    content: dict[str, Any] = read_json(path)
    for part in _LISTS:
        ids = content.get(part, [])
        if not isinstance(ids, list) or not all(isinstance(case_id, str) for case_id in ids):
            raise DataError(f"{path}: key {part!r} must be a list of case ids in quotes")
    return {part: tuple(content[part]) for part in _LISTS if part in content}


def list_faults(lists: Mapping[str, tuple[str, ...]], groups: Mapping[str, str], origin: str) -> Iterator[str]:
    """All that is wrong with official lists, one line each.

    Args:
        lists: part -> case ids.
        groups: case id -> patient, of all cases there are.
        origin: where the lists come from, for the messages.
    """
    side: dict[str, str] = {}
    for part, ids in lists.items():
        if unknown := [case_id for case_id in ids if case_id not in groups]:
            yield f"{origin}: {part} names {len(unknown)} unknown case(s) {shorten(unknown)}: correct the list"
        if both := [case_id for case_id in ids if side.get(case_id, part) != part]:
            yield f"{origin}: {shorten(both)} in both {side[both[0]]} and {part}: remove from one list"
        if len(set(ids)) < len(ids):
            twice = sorted({case_id for case_id in ids if ids.count(case_id) > 1})
            yield f"{origin}: {part} names {shorten(twice)} twice: remove one"
        side.update(dict.fromkeys(ids, part))
    if not lists["train"]:
        yield f"{origin}: the training list is empty: add case ids"
    yield from _patient_faults(lists, groups, origin)


def _patient_faults(lists: Mapping[str, tuple[str, ...]], groups: Mapping[str, str], origin: str) -> Iterator[str]:
    """Patients on two sides, each once; unlabelled cases are on the side of training."""
    side: dict[str, tuple[str, str]] = {}
    found = set()
    for name, ids in lists.items():
        part = "train" if name == "unlabelled" else name
        for case_id in filter(groups.__contains__, ids):
            patient = groups[case_id]
            other, other_part = side.setdefault(patient, (case_id, part))
            if other_part != part and other != case_id and patient not in found:
                found.add(patient)
                yield (
                    f"{origin}: patient {patient} is in both {other_part} ({other}) and {part} ({case_id}): "
                    "move all cases of a patient to one side"
                )
