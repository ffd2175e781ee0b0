"""Counts as stacked bars, one line an author."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from llmseg.plots.cases import FAINT, INK
from llmseg.plots.figures import COLOURS, canvas, height_of, rows_of_names


def draw_stacked(counts: pd.DataFrame, label: str, marked: frozenset[str] = frozenset(), unknown: str = "") -> Figure:
    """Draw counts.

    Args:
        counts: (authors, kinds), the first author on top; kinds without any count are left out.
        label: of the axis.
        marked: authors whose count has a known fault; their totals get an asterisk.
        unknown: kind that stands for counts without a kind, in light grey.
    """
    shown = counts.loc[:, counts.sum() > 0]
    figure, (axes,) = canvas(8, height_of(counts.index) + 0.3)
    rows_of_names(axes, [str(name) for name in counts.index])
    left = np.zeros(len(counts))
    for index, kind in enumerate(shown):
        values = shown[kind].fillna(0).to_numpy(dtype=float)
        hatch = None if index < len(COLOURS) else "////"
        colour = COLOURS[index % len(COLOURS)] if kind != unknown else "#d9d9d9"
        axes.barh(range(len(counts)), values, left=left, height=0.66, color=colour, label=str(kind), hatch=hatch)
        left += values
    room = max(float(left.max()) if len(left) else 0.0, 1.0)
    for row, (name, total) in enumerate(zip(counts.index, left, strict=True)):
        star = " *" if name in marked else ""
        axes.text(total + 0.012 * room, row, f"{total:g}{star}", va="center", fontsize=8, color=FAINT)
    axes.set_xlim(0, 1.08 * room)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel(label, color=INK)
    if len(shown.columns):
        columns = min(len(shown.columns), 5)
        figure.legend(loc="outside upper center", ncols=columns, frameon=False, fontsize=8, labelcolor=INK)
    return figure
