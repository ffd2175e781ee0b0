"""Images of a slice in, a box out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from llmseg.data.boxes.pictures import load_sample
from llmseg.data.boxes.planes import left_is
from llmseg.data.boxes.sample import Boxes, Record, Sample
from llmseg.data.formats import nifti
from llmseg.data.readers.brats import ALIASES, MODALITIES
from llmseg.errors import DataError
from llmseg.inference.slices import Look, find_slices
from llmseg.language.codecs.base import Decoded
from llmseg.plots.boxes import draw_case
from llmseg.web.uploads import check_upload, is_picture, stem

Ask = Callable[[Sample], tuple[str | None, Decoded]]
"""What a model says about a slice: its text, where it writes one, and the boxes in it."""


@dataclass(frozen=True)
class Located:
    """An answer.

    Attributes:
        picture: the images with the boxes (H, W, 3).
        boxes: in pixels.
        text: what the model wrote; None where it writes nothing.
        reason: why the text holds no box, where it should.
        place: of a slice of scans, and how it is shown; empty for pictures.
    """

    picture: NDArray[np.uint8]
    boxes: Boxes
    text: str | None
    reason: str | None
    place: str = ""

    def __str__(self) -> str:
        lines = [] if self.text is None else [self.text]
        for box in self.boxes:
            size = f"{box.x2 - box.x1:.0f} x {box.y2 - box.y1:.0f}"
            lines.append(f"box: {size} pixels, upper left corner at x={box.x1:.0f}, y={box.y1:.0f}")
        if not self.boxes:
            lines.append(f"no box ({self.reason})" if self.reason else "no box")
        return "\n".join([*lines, self.place] if self.place else lines)


def locate(ask: Ask, config: Mapping[str, Any], files: Mapping[str, Path | None], index: int | None = None) -> Located:
    """Ask a model about a slice.

    Args:
        ask: of the run.
        config: of the run.
        files: sequence -> a picture of the slice, or a scan.
        index: of scans the slice, counted from 0 in RAS orientation; None: the middle one.

    Raises:
        DataError: there is no file, or they are no pictures of one size and no scans of one grid.
        ConfigError: there is no such slice.
    """
    given = {name: path for name, path in files.items() if path is not None}
    if not given:
        raise DataError(f"no file yet: upload an image of {', '.join(files)}")
    for path in given.values():
        check_upload(path)
    pictures = [is_picture(path) for path in given.values()]
    if any(pictures) and not all(pictures):
        raise DataError("give pictures of one slice, or scans, but not both")
    plane = str(config["data"].get("plane") or "axial")
    sample = _pictures(given, plane) if all(pictures) else _scans(given, list(files), plane, index)
    text, decoded = ask(sample)
    return Located(_drawn(sample, decoded.boxes), decoded.boxes, text, decoded.reason, _place(sample.record))


def _pictures(files: Mapping[str, Path], plane: str) -> Sample:
    name = stem(next(iter(files.values())))
    sample = load_sample(Record(name, name, plane, None, files, ()))
    sizes = {name: image.shape[::-1] for name, image in sample.images.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {width} x {height}" for name, (width, height) in sizes.items())
        raise DataError(f"the pictures differ in size ({listed} pixels): give images of one slice")
    return sample


def _scans(files: Mapping[str, Path], sequences: Sequence[str], plane: str, index: int | None) -> Sample:
    """The slice of a case whose files have the names that `find_slices` knows."""
    if any(not nifti.claims(path) for path in files.values()):
        raise DataError("give NIfTI scans (.nii, .nii.gz)")
    known = set(sequences) <= {*ALIASES, *MODALITIES}
    if not known and len(files) < len(sequences):
        raise DataError(f"{', '.join(name for name in sequences if name not in files)}: no file yet")
    case = stem(next(iter(files.values())))
    with TemporaryDirectory() as folder:
        for number, name in enumerate(sequences):
            if name in files:
                ending = f"-{name}" if known else f"_{number:04d}"
                suffix = files[name].name.removeprefix(stem(files[name]))
                (Path(folder) / f"{case}{ending}{suffix}").symlink_to(files[name].resolve())
        (sample,) = find_slices(Path(folder), Look(sequences, plane, 1, index))
    return sample


def _place(record: Record) -> str:
    if record.slice is None:
        return ""
    side = left_is(record.plane)
    shown = f"; the patient's left is at the {side} of the image" if side else ""
    return f"{record.plane} slice {record.slice}{shown}"


def _drawn(sample: Sample, boxes: Boxes) -> NDArray[np.uint8]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "box.png"
        draw_case(sample, boxes, file)
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
