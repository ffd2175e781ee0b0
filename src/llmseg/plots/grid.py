"""One case: its image, its label and every network's mask, in as many rows as it takes."""

import textwrap
from math import isfinite

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from llmseg.plots.cases import FAINT, INK, TRUTH, CasePicture, class_handles, draw_image, draw_masks, outline

_WIDTH, _TITLE, _LEGEND = 2.0, 0.42, 0.4  # inches


def draw_grid(case: CasePicture, columns: int = 6) -> Figure:
    """Draw a case; the label's outline is dotted on each mask, so that what was missed or added shows."""
    masks = {"image": None, "label": case.label, **case.predictions}
    columns = min(columns, len(masks))
    rows = -(-len(masks) // columns)
    panel = _WIDTH * case.aspect * case.image.shape[0] / case.image.shape[1]
    size = (columns * _WIDTH, rows * (panel + _TITLE) + _LEGEND + 0.3)
    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(masks) :]:
        axes.set_axis_off()
    for axes, (title, mask) in zip(every, masks.items(), strict=False):
        draw_image(axes, case.image, case.aspect)
        axes.set_title(textwrap.fill(title, 24, replace_whitespace=False), fontsize=8, color=INK)
        if mask is None:
            continue
        draw_masks(axes, mask, case.aspect)
        for part in case.label if title != "label" else ():
            outline(axes, part, "white", 0.8, "dotted")
    dice = f", mean Dice {case.dice:.3f}" if isfinite(case.dice) else ""
    figure.suptitle(f"case {case.id}{dice}", fontsize=10, fontweight="bold", color=INK)
    handles = [*class_handles(case.classes), Line2D([], [], color=FAINT, linestyle="dotted", label=TRUTH)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8, labelcolor=INK)
    return figure
