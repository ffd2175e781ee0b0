"""From volumes with masks to slices with boxes: images and summary.jsonl."""

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from llmseg.data.boxes.channels import Channel, channels_of
from llmseg.data.boxes.choice import choose, spread
from llmseg.data.boxes.config import MakeConfig
from llmseg.data.boxes.pictures import FORMATS, save, to_bytes, window_of
from llmseg.data.boxes.planes import axis_of, left_is, plane_of, spacing_of
from llmseg.data.boxes.records import SUMMARY, write_records
from llmseg.data.boxes.sample import Record
from llmseg.data.cases import Case, Reader
from llmseg.data.config import DataConfig, SplitConfig
from llmseg.data.folds import choose_fold
from llmseg.data.formats import picture
from llmseg.data.geometry import orient
from llmseg.data.labelled import divide
from llmseg.data.official import official_lists
from llmseg.data.preprocessing import orientation_to, reorder
from llmseg.data.scan import check_classes, load_scan
from llmseg.data.split import Split
from llmseg.data.validation import check_cases
from llmseg.errors import ConfigError, DataError
from llmseg.whole import write

__all__ = ["Made", "check", "left_is", "make_boxes", "make_case", "plane_of", "spacing_of", "spread"]

_THREADS = 4


@dataclass(frozen=True)
class Made:
    """What has been written.

    Attributes:
        records: the lines.
        split: what lies in split.json, or None.
        left_out: cases without a slice that shows enough.
    """

    records: list[Record]
    split: Split | None
    left_out: tuple[str, ...]


def make_boxes(
    config: DataConfig,
    reader: Reader,
    choice: MakeConfig,
    begin: Callable[[int], Callable[[], None]] = lambda total: lambda: None,
) -> Made:
    """Write images, summary.jsonl and, where the data set's division is known, split.json; all of it or nothing.

    split.json is written where the data set has official lists, or where `data.split`, `data.fold` or `data.labelled`
    say something; boxes then train, validate and test on the same patients as a segmentation run with the same words,
    and only cases of that split are opened. Otherwise every case with a mask is used.

    Args:
        config: the data set; channels and classes must be known.
        reader: turns its root into cases.
        choice: what to make of it.
        begin: told the number of cases; what it returns is called after each.

    Raises:
        ConfigError: a choice cannot be right.
        DataError: a scan is unusable, there is no slice to show, or the folder cannot be written or is not empty.
    """
    check(choice)
    output = Path(choice.output).expanduser().absolute()
    _require_empty(output)
    cases = reader(Path(config.root))
    channels = channels_of(config, cases[0])
    split = _split(cases, config)
    used = _used(cases, split)
    _check_data(used, config, choice)
    temporary = output.with_name(f".{output.name}.{uuid4().hex}")
    try:
        (temporary / "images").mkdir(parents=True)
        records = _make_all(used, config, choice, channels, temporary, begin(len(used)))
        made = _finish(records, used, split, temporary)
        temporary.replace(output)
    except OSError as error:
        raise DataError(f"output={output}: cannot write ({error.strerror or error}); name another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return made


def check(choice: MakeConfig) -> None:
    """Refuse choices that cannot be right.

    Raises:
        ConfigError: names the key.
    """
    axis_of(choice.plane)
    for key, known in (("choose", ("even", "largest")), ("boxes", ("one", "components")), ("format", FORMATS)):
        if getattr(choice, key) not in known:
            raise ConfigError(f"{key}={getattr(choice, key)}: choose {' or '.join(known)}")
    for key, least in (("slices", 1), ("min_area", 1), ("empty", 0)):
        if (value := getattr(choice, key)) is not None and value < least:
            raise ConfigError(f"{key}={value}: give {least} or more")
    if choice.classes is not None and not choice.classes:
        raise ConfigError("classes=[]: name at least one, or null for all")


def _require_empty(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"output={output}: there already, and not empty; remove it or name another folder")


def _split(cases: Sequence[Case], config: DataConfig) -> Split | None:
    """The division that a segmentation run with this configuration would have, where somebody has decided on it."""
    is_said = config.split != SplitConfig() or config.fold is not None or config.labelled is not None
    if not is_said and official_lists(cases, config.split, Path(config.root))[0] is None:
        return None
    by_id = {case.id: case for case in cases}
    split = divide(by_id, config)
    return split if config.fold is None else choose_fold(split, by_id, config.classes or [], config)


def _used(cases: Sequence[Case], split: Split | None) -> list[Case]:
    named = None if split is None else {*split.train, *split.val, *split.test}
    used = [case for case in cases if case.label is not None and (named is None or case.id in named)]
    if not used:
        raise DataError(f"{cases[0].images[0].parent}: no case has a mask, and boxes are made from masks: add labels")
    return used


def _check_data(cases: Sequence[Case], config: DataConfig, choice: MakeConfig) -> None:
    if config.orientation not in ("RAS", None):
        raise ConfigError(f"data.orientation={config.orientation}: planes are those of a volume in RAS; leave it RAS")
    if picture.claims(cases[0].images[0]):
        raise ConfigError(f"data={config.name}: holds pictures, and planes are cut through volumes; name a 3D data set")
    for case in cases:
        check_classes(case.labels, choice.classes or config.classes or [], overlapping=True)
        if len(case.images) != config.channels:
            raise ConfigError(f"data.channels={config.channels}: case {case.id} has {len(case.images)} images")
    check_cases(cases, labelled=True)


def _make_all(
    cases: Sequence[Case],
    config: DataConfig,
    choice: MakeConfig,
    channels: Sequence[Channel],
    folder: Path,
    done: Callable[[], None],
) -> list[Record]:
    """All cases, a few at a time; the first faulty one in order is the one reported."""

    def one(case: Case) -> list[Record]:
        records = make_case(case, choice.classes or config.classes or [], choice, channels, config.orientation, folder)
        done()
        return records

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        futures = [pool.submit(one, case) for case in cases]
        try:
            return [record for future in futures for record in future.result()]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _finish(records: list[Record], cases: Sequence[Case], split: Split | None, folder: Path) -> Made:
    shown = {record.case for record in records}
    if not any(record.boxes for record in records):
        raise DataError(
            f"{cases[0].images[0].parent}: no slice of {len(cases)} case(s) shows enough of the foreground: lower "
            "min_area, or name other classes"
        )
    write_records(folder / SUMMARY, records)
    if split is not None:
        parts = {part: tuple(id_ for id_ in getattr(split, part) if id_ in shown) for part in ("train", "val", "test")}
        split = Split(**parts)
        write(folder / "split.json", split.to_json())
    return Made(records, split, tuple(case.id for case in cases if case.id not in shown))


def make_case(
    case: Case,
    classes: Sequence[str],
    choice: MakeConfig,
    channels: Sequence[Channel],
    orientation: str | None,
    folder: Path,
) -> list[Record]:
    """Write a case's images `images/<case>_<slice>_<number of the sequence>.<format>`.

    Args:
        case: with a label.
        classes: the foreground is their union.
        choice: which slices and boxes.
        channels: to write, in order.
        orientation: RAS, or null to take the file's axes for that.
        folder: has the folder `images`.

    Returns:
        A record for each chosen slice, in order of the slices.

    Raises:
        DataError: the scan or its label cannot be used.
    """
    scan = load_scan(case)
    assert scan.label is not None, "cases without a label have been left out"
    transform = orientation_to(scan.affine, orientation)
    spacing = spacing_of(choice.plane, np.asarray(reorder(scan.spacing.tolist(), transform)))
    image = orient(scan.image, transform)
    values = [value for name in classes for value in case.labels[name]]
    mask = orient(np.isin(scan.label, values)[None], transform)[0]
    windows = [window_of(scan.image[channel.position]) for channel in channels]
    records = []
    for index, boxes in sorted(choose(image[0], mask, choice).items()):
        files = {}
        for channel, window in zip(channels, windows, strict=True):
            name = f"{case.id.replace('/', '_')}_{index}_{channel.number}.{choice.format}"
            files[channel.sequence] = folder / "images" / name
            save(to_bytes(plane_of(image[channel.position], choice.plane, index), window), files[channel.sequence])
        records.append(Record(case.id, case.group, choice.plane, index, files, boxes, spacing))
    return records
