"""How a choice changes a ranking: one column a choice, one line a network."""

import pandas as pd
from matplotlib.figure import Figure

from llmseg.plots.cases import FAINT, INK
from llmseg.plots.figures import COLOURS, canvas, folded


def draw_ranks(ranks: pd.DataFrame) -> Figure:
    """Draw ranks (networks, choices), 1 on top; networks whose rank changes are in colour, the others grey."""
    figure, (axes,) = canvas(2.6 + 1.0 * len(ranks.columns), 1.3 + 0.3 * len(ranks))
    moved = 0
    for name, row in ranks.iterrows():
        changes = row.nunique() > 1
        colour = COLOURS[moved % (len(COLOURS) - 1)] if changes else "#b0b0b0"
        moved += changes
        axes.plot(range(len(row)), row, color=colour, linewidth=2 if changes else 1.4, marker="o", markersize=6)
        axes.text(-0.15, row.iloc[0], folded(str(name)), ha="right", va="center", fontsize=9, color=INK)
    axes.set_xticks(range(len(ranks.columns)), [str(name) for name in ranks.columns], fontsize=8, rotation=35)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")
    axes.set_ylim(float(ranks.max().max()) + 0.5, 0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    return figure
