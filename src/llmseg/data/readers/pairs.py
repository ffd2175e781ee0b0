"""Pictures with masks, in one folder (`7.png`, `7_seg.png`) or two (`images/7.png`, `masks/7.png`)."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import require_folder, where_to_get
from llmseg.data.formats.picture import COLOURS, SUFFIXES, pictures_in
from llmseg.data.lenient import refuse
from llmseg.data.validation import shorten
from llmseg.errors import ConfigError, DataError

MASK_SUFFIXES = ("_seg", "_mask", "_m", "_label", "_segmentation")
"""Tried, after the picture's own name, where `mask_suffix` is None."""
CHANNELS = ("grey", *COLOURS)

Classes = Sequence[str] | Mapping[str, int | Sequence[int]]


def read(
    root: Path,
    images: str | None = None,
    masks: str | None = None,
    mask_suffix: str | None = None,
    modalities: Sequence[str] = ("grey",),
    classes: Classes = ("foreground",),
    group_pattern: str | None = None,
    groups: Mapping[str, str] | None = None,
    source: str = "",
) -> list[Case]:
    """Find all pictures and their masks, sorted by name; extensions need not agree.

    Args:
        root: the folder.
        images: folder of the pictures below `root`; None: `images` and `masks`, in any case, if both are there, else
            `root` itself.
        masks: folder of the masks below `root`; None: as for `images`, or the pictures' folder.
        mask_suffix: what a mask's name has behind its picture's; None: what fits most pictures, of "" (two folders
            only) and MASK_SUFFIXES.
        modalities: channels in order: grey, or any of red, green, blue.
        classes: one name: masks are binary (`llmseg.data.formats.picture` says what is foreground); name -> value or
            values: masks hold these numbers, as grey values or palette indices.
        group_pattern: regular expression searched in a picture's name (without extension), whose one group is the
            patient or video; None: every picture is its own group.
        groups: instead of a pattern a CSV file below `root`: {file: its name, case: column with the pictures' names,
            group: column with the patient or video}.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        ConfigError: an option makes no sense.
        DataError: a folder is missing or has no pictures; a picture has no mask or two, a mask no picture; a picture
            has no group.
    """
    views = _views(modalities)
    kind, labels = _labels(classes)
    group_of = _grouping(root, group_pattern, groups)
    require_folder(root, source)
    image_folder, mask_folder = _folders(root, images, masks)
    found = _by_stem(image_folder, source)
    if mask_folder == image_folder:
        suffix = _suffix(mask_suffix, MASK_SUFFIXES, found, found, image_folder)
        pictures = {name: path for name, path in found.items() if not name.endswith(suffix)}
        others = {name: path for name, path in found.items() if name.endswith(suffix)}
    else:
        pictures, others = found, _by_stem(mask_folder, source)
        suffix = _suffix(mask_suffix, ("", *MASK_SUFFIXES), pictures, others, mask_folder)
    _check_pairs(pictures, others, suffix)
    return [
        Case(
            id=name,
            images=tuple(path / view if view else path for view in views),
            label=others[name + suffix] / kind,
            group=group_of(name, path),
            labels=labels,
        )
        for name, path in sorted(pictures.items())
        if name + suffix in others
    ]


def _views(modalities: Sequence[str]) -> list[str]:
    """Last part of each channel's path."""
    if not modalities or len(set(modalities)) < len(modalities) or not set(modalities) <= set(CHANNELS):
        raise ConfigError(f"data.modalities={list(modalities)}: give [grey], or some of red, green, blue, each once")
    return ["" if name == "grey" else name for name in modalities]


def _labels(classes: Classes) -> tuple[str, dict[str, tuple[int, ...]]]:
    """Which kind of mask it is, and the value of each class in it."""
    if isinstance(classes, Mapping):
        values = {name: (value,) if isinstance(value, int) else tuple(value) for name, value in classes.items()}
        if not values or not all(isinstance(n, int) and n > 0 for each in values.values() for n in each):
            raise ConfigError(f"data.reader.classes={dict(classes)}: every class needs a whole number above 0")
        return "index", values
    if len(classes) != 1:
        raise ConfigError(
            f"data.reader.classes={list(classes)}: binary masks have one class; give the values of several as "
            "'data.reader.classes={name: value, ...}'"
        )
    return "mask", {classes[0]: (1,)}


def _folders(root: Path, images: str | None, masks: str | None) -> tuple[Path, Path]:
    if images is None and masks is None:
        below = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
        if {"images", "masks"} <= below.keys():
            return below["images"], below["masks"]
    image_folder = root / images if images else root
    return image_folder, root / masks if masks else image_folder


def _by_stem(folder: Path, source: str) -> dict[str, Path]:
    """Name without extension -> picture."""
    require_folder(folder, source)
    found: dict[str, Path] = {}
    for path in pictures_in(folder):
        other = found.setdefault(path.stem, path)
        if other != path:
            refuse(DataError(f"{other} and {path}: two pictures of one name: remove or rename one"), path.stem)
    if not found:
        raise DataError(f"{folder}: holds no pictures ({', '.join(SUFFIXES)}): {where_to_get(source)}")
    return found


def _suffix(
    given: str | None, candidates: Sequence[str], pictures: Iterable[str], masks: Iterable[str], folder: Path
) -> str:
    if given is not None:
        if given not in candidates and not given:
            raise ConfigError("data.reader.mask_suffix='': pictures and masks in one folder need names that differ")
        return given
    names, known = set(pictures), set(masks)
    counts = {suffix: sum(name + suffix in known for name in names) for suffix in candidates}
    best = max(candidates, key=lambda suffix: counts[suffix])
    if not counts[best]:
        tried = ", ".join(suffix or "the same name" for suffix in candidates)
        raise DataError(f"{folder}: no mask belongs to a picture (tried {tried}): set data.reader.mask_suffix")
    return best


def _check_pairs(pictures: Mapping[str, Path], masks: Mapping[str, Path], suffix: str) -> None:
    lonely = [name for name in sorted(masks) if name.removesuffix(suffix) not in pictures or not name.endswith(suffix)]
    for number, name in enumerate(lonely):
        case = name.removesuffix(suffix)
        error = f"{masks[name]}: mask without a picture {case}{_more(lonely[number:])}: add it or remove the mask"
        refuse(DataError(error), case)
    lonely = [name for name in sorted(pictures) if name + suffix not in masks]
    for number, name in enumerate(lonely):
        mask = f"{name}{suffix}{_more(lonely[number:])}"
        refuse(DataError(f"{pictures[name]}: picture without a mask {mask}: add it or remove the picture"), name)


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more: {shorten(names[1:])})" if len(names) > 1 else ""


def _grouping(root: Path, pattern: str | None, groups: Mapping[str, str] | None) -> Callable[[str, Path], str]:
    """A function from a picture's name and path to its group."""
    if pattern is not None and groups is not None:
        raise ConfigError("data.reader: give group_pattern or groups, not both")
    if groups is not None:
        return _from_table(root, groups)
    return _from_name(pattern) if pattern is not None else lambda name, path: name


def _from_name(pattern: str) -> Callable[[str, Path], str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"data.reader.group_pattern={pattern}: {error}") from error
    if compiled.groups != 1:
        raise ConfigError(f"data.reader.group_pattern={pattern}: must have one group (...), the patient or video")

    def group(name: str, path: Path) -> str:
        match = compiled.search(name)
        if not match or not match[1]:
            raise DataError(f"{path}: data.reader.group_pattern={pattern} finds no group in its name: change either")
        return str(match[1])

    return group


def _from_table(root: Path, groups: Mapping[str, str]) -> Callable[[str, Path], str]:
    if set(groups) != {"file", "case", "group"}:
        raise ConfigError(f"data.reader.groups={dict(groups)}: give file, case and group")
    table = root / groups["file"]
    if not table.is_file():
        raise DataError(f"{table}: no such file: set data.reader.groups.file to a table below data.root")
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            for key in ("case", "group"):
                if groups[key] not in (rows.fieldnames or ()):
                    raise DataError(f"{table}: no column {groups[key]!r}: set data.reader.groups.{key} to one it has")
            known = {row[groups["case"]]: row[groups["group"]] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read ({' '.join(str(error).split())})") from error

    def group(name: str, path: Path) -> str:
        if not known.get(name):
            raise DataError(f"{path}: {table.name} has no row for {name}: add it, or set data.reader.groups=null")
        return known[name]

    return group
