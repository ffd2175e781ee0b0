"""Training curves: one panel a quantity, one line a network, thin lines for its single runs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from llmseg.plots.cases import INK
from llmseg.plots.figures import COLOURS, GRID, canvas, folded, label_logarithmic

_STYLES = ("solid", "dashed", "dotted", "dashdot")


def draw_curves(curves: pd.DataFrame, quantities: dict[str, str]) -> Figure:
    """Draw quantities against epochs.

    Args:
        curves: columns network, run, epoch and the quantities; NaN where an epoch has no value.
        quantities: column -> name; losses, whose names end in "loss", have a logarithmic axis.
    """
    names = list(dict.fromkeys(curves["network"]))
    lines = sum(folded(name).count("\n") + 1 for name in names)
    height = max(3.4, 0.18 * lines + 0.9)
    figure, every = canvas(3.1 * len(quantities) + 2.0, height, columns=len(quantities))
    for axes, (column, title) in zip(every, quantities.items(), strict=True):
        for index, name in enumerate(names):
            _draw(axes, curves[curves["network"] == name], column, index, name)
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.set_xlabel("epoch", color=INK)
        axes.grid(color=GRID, linewidth=0.6)
        if title.endswith("loss") and (curves[column].dropna() > 0).all():
            axes.set_yscale("log")
            label_logarithmic(axes.yaxis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))  # one epoch, one tick
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8, labelcolor=INK)
    return figure


def _draw(axes: Axes, part: pd.DataFrame, column: str, index: int, name: str) -> None:
    colour, style = COLOURS[index % len(COLOURS)], _STYLES[index // len(COLOURS) % len(_STYLES)]
    runs = [run.dropna(subset=[column]) for _, run in part.groupby("run")]
    for run in runs if len(runs) > 1 else []:
        axes.plot(run["epoch"], run[column], color=colour, linewidth=0.6, alpha=0.45)
    mean = part.groupby("epoch")[column].mean().dropna()
    marker = "o" if len(mean) < 12 else None
    axes.plot(
        mean.index,
        mean,
        color=colour,
        linestyle=style,
        linewidth=1.6,
        label=folded(name),
        marker=marker,
        markersize=3.5,
    )
