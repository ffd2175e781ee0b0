"""Which reports train, validate and test."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from llmseg.data.files import read_json
from llmseg.data.official import list_faults, read_lists
from llmseg.data.reports.config import ReportSplitConfig
from llmseg.data.reports.sample import Report
from llmseg.data.seeds import derive
from llmseg.data.split import Split
from llmseg.errors import DataError

USUAL = Path(__file__).with_name("openi_usual.json")
"""Numbers of the Open-i reports that validate and test in the division of Van Veen et al., Nature Medicine 30, 2024
(2,735 / 341 / 343), to which published numbers belong. Findings that are worded alike lie on both sides of it."""
_Lists = dict[str, tuple[str, ...]]


def divide(
    files: Mapping[str, Sequence[Report]],
    config: ReportSplitConfig,
    beside: Path | None = None,
    is_filtered: bool = False,
) -> Split:
    """Divide reports.

    Who is in which part is said by, in this order: the rule `usual`; further files; `config.file`; a split.json beside
    the data. What they leave open is drawn: the test part as a share of all reports, validation as one of the rest;
    whole groups, large and small ones in the same share. What is drawn is a function of the seed and the ids, not of
    the order of the reports. Reports that a list does not name are not used.

    With the rule `dedup` no findings (else input) of the test part, compared without case and white space, are those of
    another report of the training or validation part, nor of the validation part those of a training report; where
    lists would have it so, the report is left out of the part that is named last. Findings that differ in a word or
    in punctuation still count as different, and the same impressions occur everywhere.

    Args:
        files: `train`: the main file; `val` and `test`: further ones.
        config: rule, shares, seed and lists.
        beside: folder in which split.json may lie.
        is_filtered: reports may be missing from the usual lists.

    Raises:
        DataError: an id is unknown, missing or on two sides, a group is on two sides, the training part is empty, or
            there are too few groups.
    """
    reports = {report.id: report for part in files.values() for report in part}
    groups = {id_: report.group or id_ for id_, report in reports.items()}
    is_dedup = config.rule == "dedup"
    units = units_of(reports.values()) if is_dedup else groups
    if config.rule == "usual":
        lists, origin = _usual(list(reports), is_filtered), str(USUAL)
    else:
        lists, origin = _lists(files, config, beside)
    if fault := next(list_faults(lists, groups, origin), None):
        raise DataError(fault)
    test, rest = lists.get("test"), lists["train"]
    if test is None:
        rest, test = _draw(rest, units, config, "test", 1 + (config.val > 0 and "val" not in lists))
    val = lists.get("val")
    if val is not None and is_dedup:
        val = _apart(val, test, units)
    if is_dedup:
        rest = _apart(rest, (*test, *(val or ())), units)
    if not rest:
        raise DataError(f"{origin}: every training report has the findings of a held-out one: see data.split.rule")
    if val is None:
        rest, val = _draw(rest, units, config, "val", 1)
    return Split(rest, val, test)


def units_of(reports: Iterable[Report]) -> dict[str, str]:
    """Id -> name of the reports that must stay together: those of a group, those of the same text, and so on."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    keys: dict[str, str] = {}
    for report in sorted(reports, key=lambda report: report.id):
        keys[report.id] = first = f"group {report.group or report.id}"
        parent[root(f"text {normalised(report)}")] = root(first)
    return {id_: root(key) for id_, key in keys.items()}


def normalised(report: Report) -> str:
    """The findings, or else the input, in lower case and with single spaces: reports are duplicates by this text."""
    return " ".join((report.fields.get("findings") or report.input).lower().split())


def _lists(files: Mapping[str, Sequence[Report]], config: ReportSplitConfig, beside: Path | None) -> tuple[_Lists, str]:
    """Ids by part as far as something says so, and what does."""
    given = {part: tuple(report.id for report in reports) for part, reports in files.items()}
    if len(files) > 1:
        return given, ", ".join(f"data.{part}_file" for part in files if part != "train")
    path = Path(config.file).expanduser() if config.file else beside / "split.json" if beside else None
    if path is None or not (config.file or path.is_file()):
        return given, "data.split"
    lists = read_lists(path)
    for part in ("train", "test"):
        if part not in lists:
            raise DataError(f"{path}: key {part!r} is missing: give lists of ids as 'train', 'test' and perhaps 'val'")
    return {part: ids for part, ids in lists.items() if part != "unlabelled"}, str(path)


def _usual(ids: Sequence[str], is_filtered: bool) -> _Lists:
    """The usual lists; the training part is all others. Of a filtered set only what is there."""
    held = {part: set(names) for part, names in read_json(USUAL).items()}
    missing = set().union(*held.values()) - set(ids)
    if missing and not is_filtered:
        raise DataError(
            f"data.split.rule=usual: the data lack {len(missing)} of the reports that it holds out: get the whole "
            "archive, or choose dedup"
        )
    lists = {part: tuple(id_ for id_ in ids if id_ in names) for part, names in held.items()}
    return {"train": tuple(id_ for id_ in ids if not any(id_ in names for names in held.values())), **lists}


def _apart(ids: Sequence[str], others: Iterable[str], units: Mapping[str, str]) -> tuple[str, ...]:
    taken = {units[id_] for id_ in others}
    return tuple(id_ for id_ in ids if units[id_] not in taken)


def _draw(
    ids: Sequence[str], units: Mapping[str, str], config: ReportSplitConfig, part: str, stay: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw a share of the reports, and leave `stay` units at least; returns the ids that stay and those drawn.

    Of the large units as much is drawn as of the small ones: a text that fifty normal reports have in common would
    otherwise change what a part looks like.
    """
    share = {"test": config.test, "val": config.val}[part]
    if share == 0:
        return tuple(ids), ()
    members = Counter(units[id_] for id_ in ids)
    if len(members) <= stay:
        raise DataError(
            f"{len(ids)} report(s) of {len(members)} group(s) are too few to draw a {part} part from: add reports, or "
            f"set data.split.{part}=0"
        )
    target, seen, taken = max(1, round(share * len(ids))), 0, 0
    drawn: list[str] = []
    order = sorted(members, key=lambda unit: (-members[unit], derive(config.seed, "reports", part, unit)))
    for size, same in groupby(order, key=members.__getitem__):
        level = list(same)
        seen += size * len(level)
        count = (target * seen - taken * len(ids)) // (size * len(ids))
        drawn += level[:count]
        taken += size * count
    chosen = set(drawn[: len(members) - stay] or order[-1:])
    return tuple(id_ for id_ in ids if units[id_] not in chosen), tuple(id_ for id_ in ids if units[id_] in chosen)
