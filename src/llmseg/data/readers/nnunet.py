"""nnU-Net raw folders: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, `dataset.json`.

Format: nnU-Net v2, "Dataset format" (Isensee et al., Nature Methods 2021).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmseg.data.cases import Case
from llmseg.data.files import read_json, require_folder, where_to_get
from llmseg.data.formats.nifti import scans_in, stem
from llmseg.data.lenient import refuse
from llmseg.errors import DataError

_CHANNEL = re.compile(r"(?P<id>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True)
class Facts:
    """What dataset.json says about all cases.

    Attributes:
        channels: number of image channels.
        classes: class name -> raw label values, without the background.
        overlapping: classes are regions that may overlap.
    """

    channels: int
    classes: dict[str, tuple[int, ...]]
    overlapping: bool


def describe(root: Path, source: str = "") -> Facts:
    """Read channels and classes from `dataset.json`.

    Args:
        root: an nnU-Net raw folder.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        DataError: root or dataset.json is missing or broken; names the file and key.
    """
    require_folder(root, source)
    path = root / "dataset.json"
    if not path.is_file():
        raise DataError(f"{path}: no such file, so {root} is not an nnU-Net raw folder: {where_to_get(source)}")
    content = read_json(path)
    if "channel_names" not in content and "modality" in content:
        raise DataError(
            f"{path}: key 'channel_names' is missing, this is the Medical Segmentation Decathlon's own layout: "
            "convert the folder with nnU-Net's nnUNetv2_convert_MSD_dataset"
        )
    channels = _object(content, "channel_names", path)
    if sorted(channels) != sorted(str(number) for number in range(len(channels))):
        raise DataError(f"{path}: key 'channel_names' must number the channels '0', '1', ...; found {sorted(channels)}")
    labels = _object(content, "labels", path)
    classes = {name: _values(name, value, path) for name, value in labels.items() if name != "background"}
    if not classes:
        raise DataError(f"{path}: key 'labels' names no class besides the background")
    return Facts(len(channels), classes, any(isinstance(value, list) for value in labels.values()))


def read(root: Path, source: str = "", unlabelled: bool = False) -> list[Case]:
    """Find all cases of an nnU-Net raw folder, sorted by id; every case is its own patient.

    `imagesTs` belongs to the cases where `labelsTs` is there too; without labels it is for prediction and not read.

    Args:
        root: the folder with `dataset.json`.
        source: where to get the data set, for the message when the root is missing.
        unlabelled: keep scans of `imagesTr` that have no label, for methods that learn from them as well.

    Raises:
        DataError: dataset.json is broken; an image has no label, a label no image, or a channel is missing.
    """
    facts = describe(root, source)
    cases = _cases(root / "imagesTr", root / "labelsTr", facts, unlabelled)
    if not cases:
        raise DataError(f"{root / 'imagesTr'}: holds no scans named CASE_0000.nii.gz: {where_to_get(source)}")
    if (root / "labelsTs").is_dir():
        cases += _cases(root / "imagesTs", root / "labelsTs", facts)
    return sorted(cases, key=lambda case: case.id)


def parse_name(name: str) -> tuple[str, int] | None:
    """Case id and channel number of an image's name without extension; None for other names."""
    match = _CHANNEL.fullmatch(name)
    return (match["id"], int(match["channel"])) if match else None


def _cases(image_folder: Path, label_folder: Path, facts: Facts, unlabelled: bool = False) -> list[Case]:
    images = _channels(image_folder)
    labels = {stem(path): path for path in scans_in(label_folder)} if label_folder.is_dir() or not unlabelled else {}
    for name in sorted(labels.keys() - images.keys()):
        error = f"{labels[name]}: label without an image {name}_0000 in {image_folder}: add it or remove the label"
        refuse(DataError(error), name)
    for name in () if unlabelled else sorted(images.keys() - labels.keys()):
        first = min(images[name].values())
        error = (
            f"{first}: image without a label {name} in {label_folder}: add it, remove the image, or keep such images "
            "with data.reader.unlabelled=true"
        )
        refuse(DataError(error), name)
    return [
        Case(name, channels, labels.get(name), name, facts.classes)
        for name, found in images.items()
        if (name in labels or unlabelled) and (channels := _ordered(name, found, facts.channels, image_folder))
    ]


def _channels(folder: Path) -> dict[str, dict[int, Path]]:
    """Case id -> channel number -> file."""
    images: dict[str, dict[int, Path]] = {}
    for path in scans_in(folder):
        name = parse_name(stem(path))
        if name is None:
            error = f"{path}: image name without a channel number: rename it to {stem(path)}_0000"
            refuse(DataError(error), stem(path))
            continue
        case_id, channel = name
        other = images.setdefault(case_id, {}).setdefault(channel, path)
        if other != path:
            refuse(DataError(f"{other} and {path}: the same channel of one case twice: remove one"), case_id)
    return images


def _ordered(name: str, found: dict[int, Path], channels: int, folder: Path) -> tuple[Path, ...]:
    """The channels in order; empty for a case that is refused and left out."""
    wanted = range(channels)
    for number in wanted:
        if number not in found:
            error = f"{folder}: {name}_{number:04d} is missing, dataset.json names {channels} channel(s): add it"
            refuse(DataError(error), name)
    for number in found.keys() - set(wanted):
        error = f"{found[number]}: channel {number}, but dataset.json names {channels}: add it to 'channel_names'"
        refuse(DataError(error), name)
    return tuple(found[number] for number in wanted) if found.keys() == set(wanted) else ()


def _object(content: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    if key not in content:
        raise DataError(f"{path}: key {key!r} is missing")
    value = content[key]
    if not isinstance(value, dict) or not value:
        raise DataError(f"{path}: key {key!r} must be an object, {{...}}, with at least one entry")
    return value


def _values(name: str, value: object, path: Path) -> tuple[int, ...]:
    """The raw values of one class, which dataset.json gives as a number or, for regions, as a list."""
    if name == "ignore":
        raise DataError(f"{path}: key 'labels': nnU-Net's 'ignore' label is not supported: relabel those voxels")
    values = value if isinstance(value, list) else [value]
    if not values or not all(
        isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in values
    ):
        raise DataError(f"{path}: key 'labels': class {name!r} must be a positive integer or a list of them")
    return tuple(values)
