"""Means with their intervals, one line a network, and a dot a case behind them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from llmseg.plots.cases import FAINT, INK
from llmseg.plots.figures import COLOURS, canvas, height_of, rows_of_names


def draw_intervals(table: pd.DataFrame, scores: pd.DataFrame, label: str = "Dice") -> Figure:
    """Draw the mean of each network with its interval, if it has one, before its cases.

    Args:
        table: index: networks, the best first; columns mean, low, high (NaN: no interval).
        scores: (cases, networks).
        label: of the axis.
    """
    figure, (axes,) = canvas(8, height_of(table.index))
    rows_of_names(axes, [str(name) for name in table.index])
    for row, name in enumerate(table.index):
        values = scores[name].dropna()
        shift = np.random.default_rng(0).permutation(np.linspace(-0.2, 0.2, len(values)))
        axes.scatter(values, row + shift, s=7, color=FAINT, alpha=0.35, linewidths=0)
        mean, low, high = (float(table.loc[name, key]) for key in ("mean", "low", "high"))
        if low == low:
            axes.plot([low, high], [row, row], color=COLOURS[0], linewidth=2.2, solid_capstyle="butt")
        axes.scatter([mean], [row], s=34, color=COLOURS[0], zorder=3)
    has_interval = bool(table["low"].notna().any())
    axes.set_xlabel(f"{label}: mean{', 95 % interval by patient' if has_interval else ''} and cases", color=INK)
    least = float(np.nanmin(scores.to_numpy())) if scores.notna().any(axis=None) else 0.0
    axes.set_xlim(min(0.0, least) if least < 0.5 else np.floor(least * 10) / 10, 1.01)
    return figure
