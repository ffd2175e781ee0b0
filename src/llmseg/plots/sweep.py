"""The picture of a sweep: how the search went, which settings mattered, and where the good values lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from llmseg.plots.cases import FAINT, INK, PALETTE

_COLUMNS, _SIZE = 3, (4.0, 3.0)  # panels in a row; inches


@dataclass(frozen=True)
class Trials:
    """Finished trials, in order.

    Attributes:
        numbers: of the trials.
        values: what is maximised; of a pruned trial the last that was seen.
        pruned: which were given up.
        params: setting -> its value in each trial, None where it had none.
        logarithmic: settings that were searched on a logarithmic scale.
        importances: setting -> share of the values' variance that it explains; empty where it cannot be told.
    """

    numbers: Sequence[int]
    values: Sequence[float]
    pruned: Sequence[bool]
    params: Mapping[str, Sequence[Any]]
    logarithmic: Sequence[str]
    importances: Mapping[str, float]


def draw_sweep(trials: Trials, path: Path, title: str) -> None:
    """Draw history, importances and one panel a setting.

    Args:
        trials: at least one that was not pruned.
        path: the PNG file to write; its folder is made.
        title: headline.
    """
    rows = -(-(2 + len(trials.params)) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _SIZE[0], rows * _SIZE[1] + 0.4), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13, fontweight="bold", color=INK, x=0.01, ha="left")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    _history(panels[0], trials)
    _importances(panels[1], trials.importances)
    for axes, (name, values) in zip(panels[2:], trials.params.items(), strict=False):
        _setting(axes, name, values, trials)
    for axes in panels[2 + len(trials.params) :]:
        axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})


def _history(axes: Axes, trials: Trials) -> None:
    _points(axes, trials.numbers, trials)
    best = np.maximum.accumulate(np.where(trials.pruned, -np.inf, trials.values))
    axes.step(trials.numbers, best, where="post", color=PALETTE[5], linewidth=1.4, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel("validation Dice")
    axes.legend(frameon=False, fontsize=8)


def _importances(axes: Axes, importances: Mapping[str, float]) -> None:
    axes.set_title("importance (fANOVA)", fontsize=10, color=INK)
    if not importances:
        axes.text(0.5, 0.5, "too few trials", ha="center", va="center", color=FAINT, transform=axes.transAxes)
        axes.set_axis_off()
        return
    names = list(importances)[::-1]
    axes.barh(names, [importances[name] for name in names], color=PALETTE[1])
    axes.tick_params(labelsize=8)


def _setting(axes: Axes, name: str, values: Sequence[Any], trials: Trials) -> None:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        _points(axes, values, trials)
        if name in trials.logarithmic:
            axes.set_xscale("log")
        else:
            axes.locator_params(axis="x", nbins=5)
    else:
        words = [str(value) for value in values]
        known = sorted(set(words))
        _points(axes, [known.index(word) for word in words], trials)
        axes.set_xticks(range(len(known)), known, fontsize=8)
        axes.set_xlim(-0.5, len(known) - 0.5)
    axes.set_xlabel(name)
    axes.set_ylabel("validation Dice")


def _points(axes: Axes, horizontal: Sequence[Any], trials: Trials) -> None:
    at, values, pruned = np.asarray(horizontal), np.asarray(trials.values), np.asarray(trials.pruned, dtype=bool)
    axes.scatter(at[~pruned], values[~pruned], s=18, color=PALETTE[6], label="finished")
    if pruned.any():
        axes.scatter(at[pruned], values[pruned], s=18, color=FAINT, marker="x", label="pruned")
