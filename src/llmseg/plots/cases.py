"""The picture of a run: its best, median and worst case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2")
"""Okabe and Ito's colours, told apart with any colour vision, the ones that stand out on grey first."""

INK, FAINT = "#222222", "#777777"
TRUTH = "label (dotted)"
PANEL_WIDTH = 2.7  # inches
ROW_TITLE, TOP, NOTE, BOTTOM, GAP = 0.36, 0.66, 0.2, 0.48, 0.08


@dataclass(frozen=True)
class CasePicture:
    """One slice of a scored case.

    Attributes:
        id: name of the case.
        dice: of the whole case, mean over classes; NaN where it has none.
        image: grey values, shape (H, W), drawn with the first row on top.
        label: one mask a class, shape (K, H, W).
        predictions: column title -> masks as the label's, one column each.
        aspect: height of a pixel divided by its width, in mm.
        classes: K names.
    """

    id: str
    dice: float
    image: NDArray[Any]
    label: BoolArray
    predictions: Mapping[str, BoolArray]
    aspect: float
    classes: tuple[str, ...]


def largest_slice(label: BoolArray, axis: int) -> int:
    """Index of the slice with the most foreground of any class; the middle one of an empty label.

    Args:
        label: one mask a class, shape (K, X, Y, Z).
        axis: spatial axis that the slices are perpendicular to, 0 to 2.
    """
    foreground = label.any(axis=0)
    sizes = np.count_nonzero(foreground, axis=tuple(a for a in range(foreground.ndim) if a != axis))
    return int(np.argmax(sizes)) if sizes.any() else foreground.shape[axis] // 2


def upright(volume: NDArray[Any], axis: int, index: int) -> NDArray[Any]:
    """One slice of a volume in RAS orientation as it is looked at: anterior or superior on top.

    The patient's left is at the left of the picture (neurological convention).

    Args:
        volume: shape (..., X, Y, Z); leading axes are kept.
        axis: spatial axis that the slice is perpendicular to, 0 to 2.
        index: which slice.

    Returns:
        Shape (..., H, W).
    """
    plane = np.take(volume, index, axis=axis - 3)
    return np.rot90(plane, axes=(-2, -1))


def best_median_worst(cases: Sequence[CasePicture], path: Path, title: str, note: str | None = None) -> None:
    """Draw the best, the median and the worst case by Dice: image, label and predictions side by side.

    The label's outline is repeated on each prediction, so that what was missed or added shows.
    Two cases make two rows, one makes one. Cases without a Dice are passed over unless there are no others.

    Args:
        cases: all scored cases.
        path: the PNG file to write; its folder is made.
        title: headline.
        note: a caution in the line below it, e.g. "demo, not evidence".

    Raises:
        ValueError: there are no cases.
    """
    if not cases:
        raise ValueError("no cases to draw")
    rows = _chosen(cases)
    heights = [PANEL_WIDTH * case.aspect * case.image.shape[0] / case.image.shape[1] for _, case in rows]
    columns = ("image", "label", *rows[0][1].predictions)
    width = len(columns) * (PANEL_WIDTH + GAP) + GAP
    top_margin = TOP + (NOTE if note else 0)
    height = top_margin + sum(heights) + len(rows) * ROW_TITLE + BOTTOM
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    _headline(figure, title, note, top_margin, columns)
    top = height - top_margin
    for (rank, case), panel_height in zip(rows, heights, strict=True):
        bottom = top - ROW_TITLE - panel_height
        _draw_row(figure, rank, case, (bottom / height, panel_height / height), (top - ROW_TITLE) / height)
        top = bottom
    _legend(figure, rows[0][1].classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _chosen(cases: Sequence[CasePicture]) -> list[tuple[str, CasePicture]]:
    scored = sorted((case for case in cases if isfinite(case.dice)), key=lambda case: (-case.dice, case.id))
    if not scored:
        return [("only", cases[0])]
    if len(scored) == 1:
        return [("only", scored[0])]
    middle = [("median", scored[len(scored) // 2])] if len(scored) > 2 else []
    return [("best", scored[0]), *middle, ("worst", scored[-1])]


def _headline(figure: Figure, title: str, note: str | None, margin: float, columns: Sequence[str]) -> None:
    width, height = figure.get_size_inches()
    figure.text(GAP / width, 1 - 0.10 / height, title, fontsize=13, fontweight="bold", color=INK, va="top")
    if note:
        figure.text(GAP / width, 1 - 0.36 / height, note, fontsize=9, color=FAINT, va="top", style="italic")
    for column, name in enumerate(columns):
        centre = GAP + column * (PANEL_WIDTH + GAP) + PANEL_WIDTH / 2
        figure.text(centre / width, 1 - (margin - 0.02) / height, name, fontsize=10, color=FAINT, ha="center")


def _draw_row(figure: Figure, rank: str, case: CasePicture, vertical: tuple[float, float], title_y: float) -> None:
    width = figure.get_figwidth()
    dice = f"Dice {case.dice:.3f}" if isfinite(case.dice) else "no Dice: label and prediction are empty"
    offset = 0.09 / figure.get_figheight()
    figure.text(GAP / width, title_y + offset, f"{rank} case", fontsize=10, fontweight="bold", color=INK)
    figure.text((GAP + 1.05) / width, title_y + offset, f"{case.id}   {dice}", fontsize=10, color=INK)
    for column, masks in enumerate((None, case.label, *case.predictions.values())):
        left = (GAP + column * (PANEL_WIDTH + GAP)) / width
        axes = figure.add_axes((left, vertical[0], PANEL_WIDTH / width, vertical[1]))
        draw_image(axes, case.image, case.aspect)
        if masks is not None:
            draw_masks(axes, masks, case.aspect)
        if column > 1:
            for mask in case.label:
                outline(axes, mask, "white", 0.9, "dotted")


def draw_image(axes: Axes, image: NDArray[Any], aspect: float) -> None:
    """Draw grey values (H, W), the first row on top, without ticks; `aspect` as in `CasePicture`."""
    low, high = np.percentile(image, (0.5, 99.5))
    limits = {"vmin": low, "vmax": max(high, low + 1e-6)}  # a constant image is drawn black
    axes.imshow(image, cmap="gray", aspect=aspect, interpolation="bicubic", **limits)
    axes.set_axis_off()
    axes.set_xlim(-0.5, image.shape[1] - 0.5)
    axes.set_ylim(image.shape[0] - 0.5, -0.5)


def draw_masks(axes: Axes, masks: BoolArray, aspect: float) -> None:
    """Draw masks (K, H, W) over an image: filled and outlined, each in its class's colour."""
    for mask, colour in zip(masks, _colours(len(masks)), strict=True):
        fill = np.where(mask[..., None], to_rgba(colour, 0.35), (0.0, 0.0, 0.0, 0.0))
        axes.imshow(fill, aspect=aspect, interpolation="nearest")
        outline(axes, mask, colour, 1.6)


def outline(axes: Axes, mask: BoolArray, colour: str, width: float, line: str = "solid") -> None:
    """Draw the outline of a mask (H, W), in points' width."""
    if mask.any():
        # The margin closes outlines at the border of the picture.
        rows, columns = (np.arange(-1, size + 1) for size in mask.shape)
        edges = np.pad(mask.astype(float), 1)
        axes.contour(columns, rows, edges, levels=[0.5], colors=[colour], linewidths=width, linestyles=line)


def _colours(number: int) -> list[str]:
    return [PALETTE[index % len(PALETTE)] for index in range(number)]


def class_handles(classes: Sequence[str]) -> list[Artist]:
    """A legend's entries: each class's name and colour."""
    return [
        Patch(facecolor=to_rgba(colour, 0.35), edgecolor=colour, linewidth=1.6, label=name)
        for name, colour in zip(classes, _colours(len(classes)), strict=True)
    ]


def _legend(figure: Figure, classes: Sequence[str]) -> None:
    handles = class_handles(classes)
    # White in the panels, grey here, since the page is white.
    handles.append(Line2D([], [], color=FAINT, linestyle="dotted", linewidth=1.6, label=TRUTH))
    figure.legend(handles=handles, loc="lower center", ncols=4, frameon=False, fontsize=9, labelcolor=INK)
