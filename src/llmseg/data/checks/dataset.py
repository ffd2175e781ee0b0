"""Everything about a data set at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from llmseg.data.cases import Case, Reader
from llmseg.data.checks.copies import copied
from llmseg.data.checks.fault import FAULT, WARNING, Fault
from llmseg.data.checks.lists import absent_classes, divide, in_fold
from llmseg.data.checks.scans import Examined, examine
from llmseg.data.config import DataConfig
from llmseg.data.lenient import collecting
from llmseg.data.scan import check_classes
from llmseg.data.validation import require_unique_ids
from llmseg.errors import DataError

_WORKERS = 4
_ORDER = ("layout", "list", "header", "grid", "flip", "voxels", "label", "copy", "class")


@dataclass(frozen=True)
class Report:
    """What a check finds.

    Attributes:
        rows: faults, then warnings.
        cases: all cases that the reader can make out, by id.
        parts: case id -> train, val, test or unlabelled, as far as there is a split.
    """

    rows: list[Fault]
    cases: list[Examined]
    parts: dict[str, str]

    def count(self, severity: str) -> int:
        """Number of rows of a severity."""
        return sum(row.severity == severity for row in self.rows)


def check_data(
    config: DataConfig,
    reader: Reader,
    begin: Callable[[int], Callable[[], None]] = lambda total: lambda: None,
    bare: bool = False,
) -> Report:
    """Look for everything that is wrong with a data set; nothing is written.

    A few cases are read at a time, one file of each: memory grows with the largest file, not with the data set.

    Args:
        config: the data set; channels and classes must be known.
        reader: turns the root into cases.
        begin: told the number of cases; what it returns is called after each.
        bare: training cases without a label are meant to be learned from; with `data.labelled` they always are.

    Raises:
        ConfigError: classes, shares, folds or options of the reader that cannot be right.
    """
    root = Path(config.root)
    cases, left_out, rows = _read(reader, root)
    if cases:
        check_classes(cases[0].labels, config.classes or [], config.overlapping)
    rows += [fault for case in cases if (fault := _wrong_channels(case, config.channels))]
    parts, faults = divide(cases, config, left_out, bare) if cases else ({}, [])
    rows += faults
    window = (config.window[0], config.window[1]) if config.intensity == "window" and config.window else None
    done = begin(len(cases))

    def one(case: Case) -> Examined:
        examined = examine(case, window)
        done()
        return examined

    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        examined = list(pool.map(one, cases))
    rows += [fault for case in examined for fault in case.faults]
    if config.fold is not None and parts and not any(row.severity == FAULT for row in rows):
        parts, faults = in_fold(cases, parts, config)
        rows += faults
    rows += mirrored(examined) + copied(examined, parts) + absent_classes(examined, parts, config.classes or [])
    rows.sort(key=lambda row: (row.severity == WARNING, _ORDER.index(row.kind), row.case, row.file))
    return Report(rows, examined, parts)


def mirrored(cases: Sequence[Examined]) -> list[Fault]:
    """Files whose voxels fit better the other way round.

    Where a fifth to four fifths of the labels look mirrored, appearance does not tell left from right in these data,
    and neither does it in pictures: then a warning.
    """
    faults = []
    labels = [case for case in cases if case.label is not None]
    for case in cases:
        for found in case.mirrored:
            alike = sum(any(o.is_label and o.axis == found.axis for o in other.mirrored) for other in labels)
            vague = found.is_label and alike > 1 and 0.2 < alike / len(labels) < 0.8
            is_picture = case.header is not None and case.header.shape[2] == 1
            what = f"fits {', '.join(str(other) for other in found.others)} better when mirrored {found.axis}"
            faults.append(
                Fault(
                    case.case.id,
                    str(found.file),
                    "flip",
                    f"{what} ({found.gain:.2g} times the mutual information)",
                    "look at both, then turn its voxels round",
                    WARNING if vague or is_picture else FAULT,
                )
            )
    return faults


def _read(reader: Reader, root: Path) -> tuple[list[Case], list[str], list[Fault]]:
    """Cases with ids of their own, ids of those left out, and what the reader has to say."""
    with collecting() as refusals:
        try:
            cases = reader(root)
        except DataError as error:
            cases, stopped = [], [Fault.of(error, "layout")]
        else:
            stopped = []
    rows = [Fault.of(refusal.error, "layout", refusal.case) for refusal in refusals] + stopped
    unique: dict[str, Case] = {}
    for case in cases:
        try:
            require_unique_ids([unique.setdefault(case.id, case), case])
        except DataError as error:
            rows.append(Fault.of(error, "layout", case.id))
    return list(unique.values()), [refusal.case for refusal in refusals if refusal.case], rows


def _wrong_channels(case: Case, channels: int | None) -> Fault | None:
    if channels is None or len(case.images) == channels:
        return None
    what = f"{len(case.images)} images, one a channel, but data.channels={channels}"
    return Fault(case.id, str(case.images[0]), "layout", what, "add the missing files, or correct data.channels")
