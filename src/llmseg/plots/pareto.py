"""What a network costs against what it finds, with the line of those that none beats in both."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llmseg.plots.cases import FAINT, INK
from llmseg.plots.figures import COLOURS, GRID, canvas, folded, label_logarithmic


def front(cost: "pd.Series[float]", gain: "pd.Series[float]") -> list[str]:
    """Names that no other beats in both cost and gain (Pareto), the cheapest first; NaN is left out.

    Args:
        cost: less is better.
        gain: more is better, with the same index.
    """
    both = pd.DataFrame({"cost": cost, "gain": gain}).dropna().sort_values(["cost", "gain"], ascending=[True, False])
    best, names = -np.inf, []
    for name, row in both.iterrows():
        if row["gain"] > best:
            best = row["gain"]
            names.append(str(name))
    return names


def draw_pareto(table: pd.DataFrame, costs: dict[str, str], gain: str, label: str) -> Figure:
    """Draw one panel a cost, on a logarithmic axis; networks have the numbers of the list at the right.

    Args:
        table: index: networks; columns: costs and gain.
        costs: column -> name of its axis.
        gain: column.
        label: of the gain.
    """
    kept = {name: title for name, title in costs.items() if (table[name].fillna(0) > 0).any()}
    names = [str(name) for name in table.index]
    lines = sum(folded(name).count("\n") + 1 for name in names)
    figure, every = canvas(3.1 * max(len(kept), 1) + 2.2, max(3.6, 0.16 * lines + 0.8), columns=max(len(kept), 1))
    for axes, (name, title) in zip(every, kept.items(), strict=False):
        _panel(axes, table[table[name] > 0], name, gain, names)
        axes.set_xlabel(title, color=INK)
    every[0].set_ylabel(label, color=INK)
    words = "\n".join(f"{number + 1:>2}  {folded(name)}" for number, name in enumerate(names))
    figure.legend(
        [figure.axes[0].scatter([], [], s=0)], [words], loc="outside right upper", frameon=False, fontsize=8,
        labelcolor=INK, handlelength=0,
    )  # fmt: skip
    return figure


def _panel(axes: Axes, table: pd.DataFrame, cost: str, gain: str, names: list[str]) -> None:
    best = front(table[cost], table[gain])
    axes.set_xscale("log")
    axes.grid(color=GRID, linewidth=0.6)
    axes.plot(table.loc[best, cost], table.loc[best, gain], color=COLOURS[1], linewidth=1.2, drawstyle="steps-post")
    for name, row in table.iterrows():
        is_best = str(name) in best
        axes.scatter(row[cost], row[gain], s=90, color=COLOURS[1] if is_best else FAINT, zorder=3, linewidths=0)
        number = names.index(str(name)) + 1
        axes.text(row[cost], row[gain], str(number), ha="center", va="center_baseline", fontsize=6.5, color="white",
                  zorder=4, fontweight="bold")  # fmt: skip
    label_logarithmic(axes.xaxis)
