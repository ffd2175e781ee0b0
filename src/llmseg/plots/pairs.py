"""Two values of each network, joined: as generated and repaired."""

import pandas as pd
from matplotlib.figure import Figure

from llmseg.plots.cases import INK
from llmseg.plots.figures import COLOURS, canvas, height_of, rows_of_names


def draw_pairs(table: pd.DataFrame, first: str, second: str, label: str) -> Figure:
    """Draw an arrow from the first to the second value.

    Args:
        table: index: networks; columns `first` and `second`.
        first: column, and its name in the legend.
        second: likewise.
        label: of the axis.
    """
    figure, (axes,) = canvas(8, height_of(table.index) + 0.2)
    rows_of_names(axes, [str(name) for name in table.index])
    for row, (one, two) in enumerate(zip(table[first], table[second], strict=True)):
        axes.plot([one, two], [row, row], color="#b0b0b0", linewidth=2, zorder=1)
        axes.text((one + two) / 2, row - 0.14, f"{two - one:+.3f}", ha="center", va="bottom", fontsize=8, color=INK)
    rows = range(len(table))
    axes.scatter(table[first], rows, s=44, color=COLOURS[1], label=first, zorder=3)
    axes.scatter(table[second], rows, s=44, color=COLOURS[0], label=second, zorder=3)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(label, color=INK)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return figure
