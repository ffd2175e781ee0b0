"""A predicted mask on its scan, to be looked at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from llmseg.data.geometry import orient
from llmseg.data.preprocessing import orientation_to, reorder
from llmseg.plots.cases import INK, BoolArray, class_handles, draw_image, draw_masks, largest_slice, upright

_VIEWS = ((2, "axial"), (1, "coronal"), (0, "sagittal"))
_HEIGHT, _MARGIN = 4.0, 0.4  # inches


def draw_overlay(
    image: NDArray[Any], masks: BoolArray, affine: NDArray[np.float64] | None, classes: Sequence[str], path: Path
) -> None:
    """Draw a scan's three planes through most of its mask, the patient's left at the left; or a picture.

    Args:
        image: (X, Y, Z) grey values on the file's grid.
        masks: (K, X, Y, Z).
        affine: voxel index to millimetres; None for a picture, whose first axis is its rows.
        classes: K names.
        path: the PNG file to write.
    """
    panels = [_picture(image, masks)] if affine is None else _planes(image, masks, affine)
    widths = [_HEIGHT * shown.shape[1] / (shown.shape[0] * aspect) for _, shown, _, aspect in panels]
    figure = Figure(figsize=(sum(widths), _HEIGHT + 2 * _MARGIN), facecolor="white")
    FigureCanvasAgg(figure)
    total, height, left = sum(widths), _HEIGHT + 2 * _MARGIN, 0.0
    for (name, shown, parts, aspect), width in zip(panels, widths, strict=True):
        axes = figure.add_axes((left / total, _MARGIN / height, width / total, _HEIGHT / height))
        draw_image(axes, shown, aspect)
        draw_masks(axes, parts, aspect)
        axes.set_title(name, fontsize=10, color=INK)
        left += width
    figure.legend(handles=class_handles(classes), loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150, metadata={"Software": None})


_Panel = tuple[str, NDArray[Any], BoolArray, float]
"""Title, image (H, W), masks (K, H, W), height of a pixel divided by its width."""


def _picture(image: NDArray[Any], masks: BoolArray) -> _Panel:
    return "", image[..., 0], masks[..., 0], 1.0


def _planes(image: NDArray[Any], masks: BoolArray, affine: NDArray[np.float64]) -> list[_Panel]:
    transform = orientation_to(affine, "RAS")
    spacing = reorder(np.linalg.norm(affine[:3, :3], axis=0).tolist(), transform)
    image, masks = orient(image[None], transform), orient(masks, transform)
    panels = []
    for axis, name in _VIEWS:
        index = largest_slice(masks, axis)
        rows, columns = (other for other in (2, 1, 0) if other != axis)
        aspect = spacing[rows] / spacing[columns]
        panels.append((name, upright(image, axis, index)[0], upright(masks, axis, index), aspect))
    return panels
