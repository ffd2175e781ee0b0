"""Every value of a group as a dot, and the group's middle as a line."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llmseg.plots.cases import FAINT, INK
from llmseg.plots.figures import COLOURS, canvas, height_of, rows_of_names


def draw_strips(groups: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw one line a group: a dot a value, a tick at the median, a thin line from the least to the greatest."""
    figure, (axes,) = canvas(8, height_of(list(groups)))
    rows_of_names(axes, list(groups))
    for row, values in enumerate(groups.values()):
        _row(axes, row, np.asarray(values, dtype=float), COLOURS[0])
    axes.set_xlabel(f"{label}: each value, and the median", color=INK)
    return figure


def draw_cohorts(panels: Mapping[str, Mapping[str, Mapping[str, float]]], label: str) -> Figure:
    """Draw one panel a comparison, one line a cohort, a dot an LLM.

    Args:
        panels: title -> cohort -> LLM -> value.
        label: of the axes.
    """
    figure, every = canvas(8, 0.7 + 0.85 * len(panels), rows=len(panels))
    low = min(value for cohorts in panels.values() for values in cohorts.values() for value in values.values())
    for axes, (title, cohorts) in zip(every, panels.items(), strict=True):
        rows_of_names(axes, list(cohorts))
        for row, values in enumerate(cohorts.values()):
            _row(axes, row, np.asarray(list(values.values()), dtype=float), COLOURS[row % 2])
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.set_xlim(min(0.0, low), 1)
        axes.tick_params(labelbottom=axes is every[-1])
    every[-1].set_xlabel(f"{label}: a dot an LLM, a line at the median", color=INK)
    return figure


def _row(axes: Axes, row: int, values: "np.ndarray[tuple[int], np.dtype[np.float64]]", colour: str) -> None:
    values = values[~np.isnan(values)]
    if not len(values):
        return
    axes.plot([values.min(), values.max()], [row, row], color=FAINT, linewidth=0.8)
    axes.scatter(values, np.full(len(values), row), s=26, color=colour, alpha=0.65, linewidths=0, zorder=3)
    middle = float(np.median(values))
    axes.plot([middle, middle], [row - 0.3, row + 0.3], color=INK, linewidth=2, zorder=4)
