"""Scans or pictures in, masks and pictures of them out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from llmseg.data.boxes.pictures import to_bytes, window_of
from llmseg.data.boxes.planes import PLANES, axis_of
from llmseg.data.files import read_header, read_voxels
from llmseg.data.formats import picture
from llmseg.data.geometry import orient
from llmseg.data.preprocessing import orientation_to, reorder
from llmseg.errors import DataError
from llmseg.inference.inputs import Channels, Input, find_inputs
from llmseg.inference.outputs import mask_paths
from llmseg.plots.cases import class_handles, draw_image, draw_masks, largest_slice, upright
from llmseg.web.uploads import check_upload, is_picture, stem

Row = dict[str, Any]
Predict = Callable[[Input, Path], list[Row]]
"""Writes the masks of an input into a folder and returns a row a class, as `llmseg.inference.outputs.volumes` does."""
PICTURE = "picture"
_SIDE, _LEGEND = 6.0, 0.45  # inches
_DPI = 110


@dataclass(frozen=True)
class Segmented:
    """A scan or picture with its masks.

    Attributes:
        image: (X, Y, Z) uint8 in RAS orientation; of a picture (H, W, 1).
        label: (L, X, Y, Z) uint8 on that grid: one index map, or 0 and more for each class.
        classes: K names.
        spacing: of a voxel in mm; None for a picture.
        rows: of each class: class, value, voxels, ml.
        files: the masks on the grid of the input.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    classes: tuple[str, ...]
    spacing: tuple[float, ...] | None
    rows: list[Row]
    files: tuple[Path, ...]

    @property
    def planes(self) -> tuple[str, ...]:
        """Views that there are."""
        return (PICTURE,) if self.spacing is None else PLANES[::-1]

    def count(self, plane: str) -> int:
        """Number of slices."""
        return 1 if plane == PICTURE else self.image.shape[axis_of(plane)]

    def fullest(self, plane: str) -> int:
        """The slice with most foreground, counted from 0."""
        return 0 if plane == PICTURE else largest_slice(self.label > 0, axis_of(plane))

    def draw(self, plane: str, index: int) -> NDArray[np.uint8]:
        """A slice with its masks, the patient's left at the left: pixels (H, W, 3)."""
        image, label, aspect = self._slice(plane, index)
        whole = len(label) == len(self.classes)
        masks = label > 0 if whole else np.stack([label[0] == value + 1 for value in range(len(self.classes))])
        return _drawn(image, masks, aspect, self.classes)

    def _slice(self, plane: str, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
        if self.spacing is None or plane == PICTURE:
            return self.image[..., 0], self.label[..., 0], 1.0
        axis = axis_of(plane)
        index = min(max(index, 0), self.count(plane) - 1)
        rows, columns = (other for other in (2, 1, 0) if other != axis)
        aspect = self.spacing[rows] / self.spacing[columns]
        return upright(self.image, axis, index), upright(self.label, axis, index), aspect


def channels_of(config: Mapping[str, Any]) -> Channels:
    """What a run's network takes."""
    node = config["data"]
    return Channels(int(node.get("channels") or 1), tuple(node.get("modalities") or ()))


def slots(channels: Channels) -> tuple[str, ...]:
    """Names of the files that somebody has to give: one a channel, or a single picture for its colours."""
    if channels.names and set(channels.names) <= {"grey", *picture.COLOURS}:
        return ("picture",)
    if channels.names:
        return channels.names
    return ("scan",) if channels.count == 1 else tuple(f"channel {number}" for number in range(channels.count))


def segment(predict: Predict, config: Mapping[str, Any], files: Sequence[Path | None], folder: Path) -> Segmented:
    """Segment uploaded files.

    Args:
        predict: of the run.
        config: of the run.
        files: in the order of `slots`.
        folder: for the masks.

    Raises:
        DataError: a file is missing, is none that can be read, or the files do not share a grid.
    """
    source = _source(files, channels_of(config))
    source.case()  # says what is wrong with it
    rows = predict(source, folder)
    classes, overlapping = tuple(config["data"]["classes"]), bool(config["data"].get("overlapping"))
    masks = tuple(mask_paths(folder, source, classes, overlapping))
    image = read_voxels(picture.file_of(source.images[0]), np.float32)  # brightness, not a single colour
    grey = to_bytes(image, window_of(image))
    label = np.stack([read_voxels(mask) for mask in masks])
    if source.is_picture:
        return Segmented(grey, label, classes, None, rows, masks)
    header = read_header(source.images[0])
    transform = orientation_to(header.affine, "RAS")
    spacing = reorder(header.spacing.tolist(), transform)
    return Segmented(orient(grey[None], transform)[0], orient(label, transform), classes, spacing, rows, masks)


def _source(files: Sequence[Path | None], channels: Channels) -> Input:
    names = slots(channels)
    given = [path for path in files[: len(names)] if path is not None]
    for path in given:
        check_upload(path)
    if not given:
        raise DataError(f"no file yet: upload {'a scan or picture' if len(names) == 1 else ', '.join(names)}")
    if len(given) == 1 and is_picture(given[0]):
        return find_inputs(given[0], channels)[0]
    missing = [name for name, path in zip(names, (*files, *[None] * len(names)), strict=False) if path is None]
    if missing:
        raise DataError(f"{', '.join(missing)}: no file yet; the run's network takes {channels}")
    return Input(Path(stem(given[0])), tuple(given))


def _drawn(
    image: NDArray[np.uint8], masks: NDArray[np.bool_], aspect: float, classes: Sequence[str]
) -> NDArray[np.uint8]:
    """Light on black, as scans are looked at."""
    shape = image.shape[0] * aspect / image.shape[1]
    width, height = (_SIDE, _SIDE * shape) if shape <= 1 else (_SIDE / shape, _SIDE)
    width = max(width, _SIDE / 2)  # room for the legend
    figure = Figure(figsize=(width, height + _LEGEND), facecolor="black", dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    bottom = _LEGEND / (height + _LEGEND)
    axes = figure.add_axes((0, bottom, 1, 1 - bottom))
    draw_image(axes, image, aspect)
    axes.images[0].set_clim(0, 255)  # alike in all slices
    draw_masks(axes, masks, aspect)
    figure.legend(
        handles=class_handles(classes), loc="lower center", ncols=4, frameon=False, fontsize=9, labelcolor="white"
    )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
