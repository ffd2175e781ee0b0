"""Images of slices: grey values from a scan to 8 bits, to a file and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from llmseg.data.boxes.sample import Box, Record, Sample
from llmseg.data.formats import picture
from llmseg.errors import DataError

FORMATS = ("jpg", "png")
_PERCENTILES = (1.0, 99.0)
_QUALITY = 95  # of JPEG
_ROUNDING = 1e-6  # pixels that a box may reach outside


def window_of(channel: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Bounds of the grey values that are shown: the 1st and 99th percentile of a whole volume's non-zero voxels.

    All of its range, where these are one and the same.
    """
    low, high = np.percentile(channel[channel != 0], _PERCENTILES)
    return (float(low), float(high)) if low < high else (float(channel.min()), float(channel.max()))


def to_bytes(plane: NDArray[np.floating[Any]], window: tuple[float, float]) -> NDArray[np.uint8]:
    """Grey values of a slice (H, W) as 0 to 255 between the window's bounds, cut off outside."""
    low, high = window
    share = np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1)
    return np.rint(255 * share).astype(np.uint8)


def save(pixels: NDArray[np.uint8], file: Path) -> None:
    """Write a grey image (H, W) as JPEG or PNG, by the file's suffix."""
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, quality=_QUALITY)


def load(file: Path) -> NDArray[np.uint8]:
    """Read an image as grey values (H, W); colour as brightness, 16 bits as 8.

    Raises:
        DataError: it is missing, damaged or no picture.
    """
    values = picture.voxels(file)[..., 0]
    if values.dtype == np.uint8:
        return values
    scale = picture.full_scale(file) or float(values.max()) or 1.0
    return to_bytes(values, (0.0, scale))


def load_sample(record: Record, sequences: Sequence[str] | None = None) -> Sample:
    """Open the images of a line: those named, in that order, as far as it has them; null: all.

    Raises:
        DataError: see `load`.
    """
    names = list(record.images) if sequences is None else [name for name in sequences if name in record.images]
    return Sample(record, {name: load(record.images[name]) for name in names}, record.boxes)


def check_images(records: Sequence[Record], file: Path) -> None:
    """Check from their headers that the images of a line are of one size, and that its boxes lie inside.

    Args:
        records: lines of `file`.
        file: for the messages.

    Raises:
        DataError: they are not, or an image is no picture; names the line.
    """
    for record in records:
        where = f"{file}, line {record.line}"
        sizes = {path: picture.header(path).shape[1::-1] for path in record.images.values()}
        (first, size), *others = sizes.items()
        for path, other in others:
            if other != size:
                raise DataError(
                    f"{where}: {path} is {_times(other)} pixels, but {first} is {_times(size)}: "
                    "images of a line must be of one size, make them anew from the volumes"
                )
        for box in record.boxes:
            if not _is_inside(box, size):
                shown = [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1]
                raise DataError(
                    f"{where}: box {[f'{value:g}' for value in shown]} reaches outside its image of {_times(size)} "
                    "pixels: boxes are [x, y, width, height] in pixels".replace("'", "")
                )


def _is_inside(box: Box, size: Sequence[int]) -> bool:
    low, high = min(box.x1, box.y1), max(box.x2 - size[0], box.y2 - size[1])
    return low >= -_ROUNDING and high <= _ROUNDING


def _times(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]}"
