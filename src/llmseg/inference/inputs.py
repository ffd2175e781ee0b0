"""What there is to predict: from a file or folder to cases, by the names that their channels have."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import FORMATS, files_of
from llmseg.data.formats import dicom, h5, picture
from llmseg.data.formats.nifti import stem
from llmseg.data.readers import brats, nnunet
from llmseg.data.validation import shorten
from llmseg.errors import DataError


@dataclass(frozen=True)
class Input:
    """Something to predict.

    Attributes:
        name: of its outputs, without extension, relative to their folder.
        images: one path a channel, in the network's order; what there is of them where `fault` says that some lack.
        fault: why it cannot be predicted, or None.
    """

    name: Path
    images: tuple[Path, ...]
    fault: str | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it is a PNG, JPEG, TIFF or BMP, whose mask is a PNG."""
        return picture.claims(self.images[0])

    def case(self) -> Case:
        """As a case without label.

        Raises:
            DataError: the fault.
        """
        if self.fault:
            raise DataError(self.fault)
        return Case(str(self.name), self.images, None, str(self.name))


@dataclass(frozen=True)
class Channels:
    """What the network takes.

    Attributes:
        count: number of channels.
        names: their names in the data set that it was trained on (BraTS modalities, colours), or () without names.
    """

    count: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"{self.count} channel{'s' if self.count > 1 else ''}{names}"


def find_inputs(path: Path, channels: Channels, leave_out: Path | None = None) -> list[Input]:
    """Find what is to be predicted, sorted by name.

    A file is one scan or picture; where the network takes several channels, the files beside it that belong to the same
    case are the others. A folder with DICOM slices is one scan. Any other folder is searched with all that lies below:
    scans whose names end in a BraTS modality (`CASE-t2f`, `CASE_flair`) or an nnU-Net channel number (`CASE_0000`) are
    put together, others are scans of one channel; pictures; folders of DICOM slices.

    Args:
        path: file or folder.
        channels: what the network takes.
        leave_out: folder that is not searched: that of the masks, which may lie in `path`.

    Raises:
        DataError: there is nothing.
    """
    if not path.is_dir():
        return [_single(path, channels)]
    found = sorted(_search(path, channels, leave_out), key=lambda each: each.name.as_posix())
    if not found:
        raise DataError(f"input={path}: holds no scans (.nii.gz, .nii, .nrrd, .h5), pictures or DICOM slices")
    return _unique(found)


def _single(path: Path, channels: Channels) -> Input:
    if not any(module.claims(path) for module in FORMATS) or not files_of(path)[0].exists():
        fault = "no known format of scans or pictures" if path.exists() else "no such file or folder"
        raise DataError(f"input={path}: {fault}")
    if picture.claims(path):
        return _picture(path, Path(picture.file_of(path).stem), channels)
    if dicom.claims(path):
        raise DataError(f"input={path}: one DICOM slice: name the folder of its series")
    if not path.is_file():  # a data set inside an h5 file
        return _checked(Path(files_of(path)[0].stem), [path], channels)
    beside = [file for file in path.parent.iterdir() if _is_volume(file)]
    grouped = _grouped(beside, path.parent, channels)
    own = [each for each in grouped if {path, _voxels_in(path)} & set(each.images)]
    return own[0] if own else _checked(Path(_stem(path)), [_voxels_in(path)], channels)


def _search(folder: Path, channels: Channels, leave_out: Path | None) -> Iterator[Input]:
    hidden = leave_out.resolve() if leave_out else None
    volumes: list[Path] = []
    series: set[Path] = set()
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if any(part.startswith(".") for part in below.parts) or not path.is_file():
            continue
        if hidden and hidden != folder.resolve() and hidden in path.resolve().parents:
            continue
        if picture.claims(path):
            yield _picture(path, below.with_suffix(""), channels)
        elif _is_volume(path):
            volumes.append(path)
        elif path.parent not in series and _is_dicom(path):
            series.add(path.parent)
            name = path.parent.relative_to(folder)
            yield _checked(name if name.parts else Path(folder.resolve().name), [path.parent], channels)
    yield from _grouped(volumes, folder, channels)


def _is_volume(path: Path) -> bool:
    """Whether a file is a scan of its own, and no picture or slice."""
    others = (module for module in FORMATS if module not in (picture, dicom))
    return path.is_file() and path.name[0] != "." and any(module.claims(path) for module in others)


def _is_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM PS3.10 says, whatever its name."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _stem(path: Path) -> str:
    name = stem(path)
    return path.stem if name == path.name else name


def _picture(path: Path, name: Path, channels: Channels) -> Input:
    if picture.file_of(path) != path:  # one colour was asked for
        return _checked(name, [path], channels)
    if channels.names and set(channels.names) <= {"grey", *picture.COLOURS}:
        return Input(name, tuple(path if view == "grey" else path / view for view in channels.names))
    if channels.count == len(picture.COLOURS) and not channels.names:
        return Input(name, tuple(path / colour for colour in picture.COLOURS))
    return _checked(name, [path], channels)


def _grouped(paths: Iterable[Path], root: Path, channels: Channels) -> Iterator[Input]:
    """Put the channels of each case together."""
    cases: dict[Path, dict[str | int, Path]] = {}
    twice: dict[Path, Input] = {}
    paths = sorted(paths)
    stems = {path.parent / _stem(path) for path in paths}
    for path in paths:
        case_id, kind = _parse(path, channels, stems)
        if kind == "seg":
            continue
        place = path.parent.relative_to(root)
        # CASE/CASE-t2f.nii.gz, the way of BraTS, is one case and not a folder of cases
        name = place if place.name == case_id else place / case_id
        other = cases.setdefault(name, {}).setdefault(kind, path)
        if other != path:
            twice[name] = Input(name, (path,), f"{other} and {path}: two files for one channel: remove one")
    for name, found in cases.items():
        yield from [twice[name]] if name in twice else _ordered(name, found, root, channels)


def _parse(path: Path, channels: Channels, stems: Container[Path]) -> tuple[str, str | int]:
    """Case and channel, as the name says; a scan without such a name is channel 0 of its own case."""
    name = _stem(path)
    modality, number = brats.parse_name(name), nnunet.parse_name(name)
    if modality and (modality[1] == "seg" or not set(brats.MODALITIES).isdisjoint(_canonical(channels.names))):
        return modality
    if number is None:
        return name, 0
    # for a network with one channel patient_0001 and scan_2019 are names, and so is patient_0000 beside patient_0001
    numbered = number[1] == 0 and path.parent / f"{number[0]}_0001" not in stems
    return number if channels.count > 1 or numbered else (name, 0)


def _canonical(names: Sequence[str]) -> list[str]:
    return [brats.ALIASES.get(name, name) for name in names]


def _ordered(name: Path, found: dict[str | int, Path], root: Path, channels: Channels) -> Iterator[Input]:
    by_name = any(isinstance(kind, str) for kind in found)
    wanted: list[str | int] = [*_canonical(channels.names)] if by_name else [*range(channels.count)]
    images = tuple(_voxels_in(found[kind]) for kind in wanted if kind in found)
    lacking = [f"{kind:04d}" if isinstance(kind, int) else kind for kind in wanted if kind not in found]
    surplus = [] if by_name else [path.name for kind, path in found.items() if kind not in wanted]
    if not lacking and not surplus:
        yield Input(name, images)
        return
    if by_name and not images:
        return  # other modalities of a case, none of which is asked for
    what = f"lacks channel {', '.join(lacking)}" if lacking else f"has more channels ({shorten(surplus)})"
    files = tuple(found.values())
    yield Input(name, files, f"{root / name}: {what}: the run's network takes {channels}")


def _voxels_in(path: Path) -> Path:
    """The path that is read for a file: the data set `image` of an h5 file, as the field names it."""
    return path / "image" if path.suffix in h5.SUFFIXES else path


def _checked(name: Path, images: Sequence[Path], channels: Channels) -> Input:
    fault = None
    if len(images) != channels.count:
        fault = f"{images[0]}: has {len(images)} channel(s), but the run's network takes {channels}"
    return Input(name, tuple(images), fault)


def _unique(inputs: Sequence[Input]) -> list[Input]:
    """Two inputs of one name would overwrite each other's mask: the second one is a fault."""
    first: dict[tuple[Path, bool], Input] = {}
    result = []
    for each in inputs:
        other = each if each.fault else first.setdefault((each.name, each.is_picture), each)
        if other is not each:
            fault = f"{each.images[0]}: its mask would have the name of that of {other.images[0]}: rename one"
            each = Input(each.name, each.images, fault)
        result.append(each)
    return result
