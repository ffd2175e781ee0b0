"""summary.jsonl: one slice a line, its images by sequence and plane, and its boxes.

    {"t2f Sagittal_path": "images/BraTS-GLI-00000-000_76_0.jpg", ..., "box": [[96, 84, 68, 68]],
     "case": "BraTS-GLI-00000-000", "patient": "BraTS-GLI-00000", "slice": 76, "plane": "sagittal", "spacing": [1, 1]}

A box is [x, y, width, height] in pixels. The keys from `case` on are ours and may be missing: the case is then the
name of the first image without the two numbers at its end. Paths are relative to the file's folder, or absolute.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from llmseg.data.boxes.planes import PLANES
from llmseg.data.boxes.sample import Box, Boxes, Record
from llmseg.data.readers.brats import patient
from llmseg.errors import DataError
from llmseg.whole import write

SUMMARY = "summary.jsonl"
_IMAGE_KEY = re.compile(rf"(?P<sequence>\S.*) (?P<plane>{'|'.join(PLANES)})_path", re.IGNORECASE)
_FILE_NAME = re.compile(r"(?P<case>.+)_\d+_\d+")


def summary_file(root: Path) -> Path:
    """The file that a data root means: itself, or summary.jsonl in it."""
    return root / SUMMARY if root.is_dir() else root


def read_records(file: Path) -> list[Record]:
    """Read all lines; blank ones are passed over.

    Of the images only the names are looked at: see `llmseg.data.boxes.pictures.check_images`.

    Raises:
        DataError: the file is missing or has no lines; a line is broken, names no images or such that are missing, or
            has boxes that are none; two lines contradict each other. Names file and line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file: make one with python -m llmseg.cli.boxes, or set data.root") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({' '.join(str(error).split())})") from error
    lines = enumerate(text.split("\n"), start=1)
    records = [_Line(file, number).record(line) for number, line in lines if line.strip()]
    if not records:
        raise DataError(f"{file}: is empty: one JSON object a line is expected")
    _check_together(records, file)
    return records


def write_records(file: Path, records: Sequence[Record]) -> None:
    """Write the lines, whole or not at all; paths below the file's folder become relative to it."""
    write(file, "".join(json.dumps(_content(record, file.parent)) + "\n" for record in records))


def _content(record: Record, folder: Path) -> dict[str, Any]:
    plane = record.plane.capitalize()
    content: dict[str, Any] = {}
    for sequence, path in record.images.items():
        inside = path.is_relative_to(folder)
        content[f"{sequence} {plane}_path"] = path.relative_to(folder).as_posix() if inside else str(path)
    content["box"] = [[_number(value) for value in (b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1)] for b in record.boxes]
    content |= {"case": record.case, "patient": record.group, "slice": record.slice, "plane": record.plane}
    return content | {"spacing": None if record.spacing is None else [_number(value) for value in record.spacing]}


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else float(value)


class _Line:
    """Reads one line; every fault names it."""

    def __init__(self, file: Path, number: int) -> None:
        self.file, self.number = file, number

    def record(self, text: str) -> Record:
        content = self._object(text)
        plane, images = self._images(content)
        case = self._text(content, "case") or self._case(images)
        return Record(
            case=case,
            group=self._text(content, "patient") or patient(case),
            plane=plane,
            slice=self._slice(content),
            images=images,
            boxes=self._boxes(content),
            spacing=self._spacing(content),
            line=self.number,
        )

    def _object(self, text: str) -> dict[str, Any]:
        try:
            content = json.loads(text, object_pairs_hook=self._once)
        except json.JSONDecodeError as error:
            self._fail(f"not valid JSON ({error.msg} at column {error.colno}): one object a line, {{...}}")
        except (RecursionError, ValueError):  # thousands of brackets, or of digits
            self._fail("not valid JSON that can be read: one object a line, {...}")
        if not isinstance(content, dict):
            self._fail(f"must be a JSON object, {{...}}, not a {type(content).__name__}")
        return content

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            names = [name for name, _ in pairs]
            self._fail(f"key {next(name for name in names if names.count(name) > 1)!r} is there twice: remove one")
        return content

    def _images(self, content: Mapping[str, Any]) -> tuple[str, dict[str, Path]]:
        found = {key: match for key in content if (match := _IMAGE_KEY.fullmatch(key))}
        if not found:
            self._fail("names no image: a key such as 't2f Sagittal_path' is expected")
        planes = {match["plane"].lower(): key for key, match in found.items()}
        if len(planes) > 1:
            self._fail(f"has images of several planes ({', '.join(sorted(planes))}): one plane a line")
        (plane,) = planes
        if (said := content.get("plane", plane)) not in (plane, None):
            self._fail(f"key 'plane' says {said!r}, but {planes[plane]!r} is {plane}: correct one")
        return plane, {match["sequence"]: self._path(key, content[key]) for key, match in found.items()}

    def _path(self, key: str, value: Any) -> Path:
        if not isinstance(value, str) or not value:
            self._fail(f"key {key!r} must be a path in quotes")
        path = self.file.parent / value
        if not path.is_file() and "\\" in value:
            path = self.file.parent / value.replace("\\", "/")
        if not path.is_file():
            self._fail(f"{key}: {path}: no such file: paths are relative to the folder of {self.file.name}")
        return path

    def _case(self, images: Mapping[str, Path]) -> str:
        stems = [PurePosixPath(path.name).stem for path in images.values()]
        named = [match["case"] for stem in stems if (match := _FILE_NAME.fullmatch(stem))]
        if others := sorted({name for name in named if name != named[0]}):
            self._fail(f"has images of {named[0]} and {others[0]}: one case a line, or name it as 'case'")
        return named[0] if named else stems[0]

    def _boxes(self, content: Mapping[str, Any]) -> Boxes:
        if "box" not in content:
            self._fail("key 'box' is missing: a list of [x, y, width, height], [] where there is none")
        boxes = content["box"]
        if not isinstance(boxes, list):
            self._fail(f"key 'box' must be a list of [x, y, width, height], not {_shown(boxes)}")
        return tuple(self._box(box) for box in boxes)

    def _box(self, box: Any) -> Box:
        if not isinstance(box, list) or len(box) != 4 or not all(_is_number(value) for value in box):
            self._fail(f"key 'box': {_shown(box)} is not [x, y, width, height], four numbers in a list of their own")
        x, y, width, height = map(float, box)
        if width <= 0 or height <= 0:
            self._fail(f"key 'box': {_shown(box)} has no size: boxes are [x, y, width, height] in pixels")
        if x < 0 or y < 0:
            self._fail(f"key 'box': {_shown(box)} reaches outside its image: boxes are [x, y, width, height] in pixels")
        return Box(x, y, x + width, y + height)

    def _text(self, content: Mapping[str, Any], key: str) -> str | None:
        value = content.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            self._fail(f"key {key!r} must be a name in quotes, not {_shown(value)}")
        return value

    def _slice(self, content: Mapping[str, Any]) -> int | None:
        value = content.get("slice")
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            self._fail(f"key 'slice' must be a whole number from 0, not {_shown(value)}")
        return value

    def _spacing(self, content: Mapping[str, Any]) -> tuple[float, float] | None:
        value = content.get("spacing")
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2 or not all(_is_number(mm) and mm > 0 for mm in value):
            self._fail(f"key 'spacing' must be two sizes in mm, along x and y, not {_shown(value)}")
        return float(value[0]), float(value[1])

    def _fail(self, what: str) -> NoReturn:
        raise DataError(f"{self.file}, line {self.number}: {what}")


def _check_together(records: Sequence[Record], file: Path) -> None:
    """Faults that show between lines only."""
    patients: dict[str, Record] = {}
    images: dict[Path, Record] = {}
    for record, path in _images(records):
        other = patients.setdefault(record.case, record)
        if other.group != record.group:
            raise DataError(
                f"{file}, line {record.line}: case {record.case} is of patient {record.group}, but of {other.group} in "
                f"line {other.line}: correct one"
            )
        other = images.setdefault(path, record)
        if other.boxes != record.boxes:
            raise DataError(
                f"{file}, line {record.line}: {path} is in line {other.line} too, with other boxes: put all boxes of a "
                "slice into one line"
            )


def _images(records: Sequence[Record]) -> Iterator[tuple[Record, Path]]:
    for record in records:
        for path in record.images.values():
            yield record, path


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond any float
        return False


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
