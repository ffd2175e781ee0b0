"""What box models are asked about: slices of new scans, or the lines of a summary.jsonl."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from llmseg.data.boxes.choice import SHOWS, spread
from llmseg.data.boxes.pictures import check_images, load_sample, to_bytes, window_of
from llmseg.data.boxes.planes import axis_of, plane_of, spacing_of
from llmseg.data.boxes.records import SUMMARY, read_records
from llmseg.data.boxes.sample import Record, Sample
from llmseg.data.geometry import orient
from llmseg.data.preprocessing import orientation_to, reorder
from llmseg.data.readers.brats import ALIASES, MODALITIES
from llmseg.data.scan import load_scan
from llmseg.errors import ConfigError, DataError
from llmseg.inference.inputs import Channels, Input, find_inputs

_NAMED = {*ALIASES, *MODALITIES}
"""Sequences that the names of files tell; of others a case must have all."""


@dataclass(frozen=True)
class Look:
    """Where to look in a scan.

    Attributes:
        sequences: that the model knows, in its order.
        plane: sagittal, coronal or axial.
        slices: so many, evenly spaced among those that show something; None: all of these.
        slice: this one instead.
    """

    sequences: Sequence[str]
    plane: str
    slices: int | None = 8
    slice: int | None = None


def find_slices(path: Path, look: Look) -> list[Sample]:
    """Slices to ask about: of a summary.jsonl (or its folder) all lines, of scans those that `look` says.

    A case may lack sequences, as long as it has one.

    Raises:
        DataError: there is nothing, or a scan cannot be read.
        ConfigError: no such slice.
    """
    file = path / SUMMARY if path.is_dir() else path
    if file.suffix == ".jsonl" and (file.is_file() or not path.is_dir()):
        records = read_records(file)
        check_images(records, file)
        for record in records:
            if not record.images.keys() & set(look.sequences):
                raise DataError(
                    f"{file}, line {record.line}: has none of the run's sequences {', '.join(look.sequences)}, only "
                    f"{', '.join(record.images)}"
                )
        return [load_sample(record, look.sequences) for record in records]
    return [sample for found, names in _inputs(path, look) for sample in _cut(found, names, look)]


def _inputs(path: Path, look: Look) -> list[tuple[Input, tuple[str, ...]]]:
    """Each case with the most of the sequences that it has."""
    whole, faults = dict[str, tuple[Input, tuple[str, ...]]](), dict[str, str]()
    fewest = 1 if all(name in _NAMED for name in look.sequences) else len(look.sequences)
    for count in range(len(look.sequences), fewest - 1, -1):
        for names in combinations(look.sequences, count):
            for found in _search(path, names):
                if found.fault:
                    faults.setdefault(str(found.name), found.fault)
                else:
                    whole.setdefault(str(found.name), (found, names))
    for name, fault in faults.items():
        if name not in whole:
            raise DataError(fault)
    if not whole:
        raise DataError(f"input={path}: holds no scan of {', '.join(look.sequences)}, and no {SUMMARY}")
    return [whole[name] for name in sorted(whole)]


def _search(path: Path, names: tuple[str, ...]) -> list[Input]:
    known = names if all(name in _NAMED for name in names) else ()
    try:
        return find_inputs(path, Channels(len(names), known))
    except DataError:
        if not path.exists():
            raise
        return []


def _cut(found: Input, names: Sequence[str], look: Look) -> list[Sample]:
    case = found.case()
    if found.is_picture:
        raise DataError(f"{found.images[0]}: a picture; name scans, or a {SUMMARY} that says which pictures belong")
    scan = load_scan(case)
    transform = orientation_to(scan.affine, "RAS")
    image = orient(scan.image, transform)
    spacing = spacing_of(look.plane, np.asarray(reorder(scan.spacing.tolist(), transform)))
    windows = [window_of(channel) for channel in scan.image]
    samples = []
    for index in _chosen(image[0], look, str(found.name)):
        planes = (plane_of(channel, look.plane, index) for channel in image)
        pictures = {name: to_bytes(plane, window) for name, plane, window in zip(names, planes, windows, strict=True)}
        files = dict(zip(names, found.images, strict=True))
        record = Record(case.id, case.group, look.plane, index, files, (), spacing)
        samples.append(Sample(record, pictures))
    return samples


def _chosen(image: np.ndarray, look: Look, name: str) -> list[int]:
    axis = axis_of(look.plane)
    if look.slice is not None:
        if not 0 <= look.slice < image.shape[axis]:
            raise ConfigError(f"slice={look.slice}: {name} has {look.plane} slices 0 to {image.shape[axis] - 1}")
        return [look.slice]
    shown = (image != 0).sum(axis=tuple(other for other in range(3) if other != axis))
    able = [int(index) for index in np.flatnonzero(shown >= max(SHOWS * shown.max(), 1))]
    return able if look.slices is None else spread(able, look.slices)
