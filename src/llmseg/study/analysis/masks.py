"""(7) One case, and every network's mask of it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseg.data.cases import Case
from llmseg.data.preprocessing import Recipe
from llmseg.errors import UserError
from llmseg.plots.grid import draw_grid
from llmseg.runs.folder import RunFolder
from llmseg.study.analysis.remarks import without_runs
from llmseg.study.frames import by_network, scored
from llmseg.study.section import Section

TITLE = "Masks of every network"


@dataclass(frozen=True)
class Drawn:
    """A case with one network's mask, and what it shares with those of other networks."""

    case: Case
    recipe: Recipe
    what: list[object]
    prediction: Callable[[Case], NDArray[np.uint8]]


def masks(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Draw the median case of each data set: its image, its label, and the mask of one run of each network.

    The case is the one whose mean Dice over the networks is the median. Runs without a checkpoint, such as those of
    generated scripts, are left out, and said.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, without_runs(rows))
    for data, part in rows.groupby("data", sort=False):
        drawn, without = chosen_runs(part)
        if without:
            section.notes.append(f"{data}: no checkpoint of {', '.join(without)}")
        if not drawn:
            continue
        _add(section, str(data), part, drawn)
    return section


def chosen_runs(rows: pd.DataFrame) -> tuple[dict[str, str], list[str]]:
    """One run of each network, the best network first: of the least seed, among those with a checkpoint.

    Returns:
        Network -> folder; and networks without a checkpoint.
    """
    chosen, without = {}, []
    for network in by_network(rows):
        folders = rows[rows["network"] == network].sort_values(["seed", "run"])["run"].unique()
        found = [run for run in folders if RunFolder(Path(run)).last.is_file()]
        if found:
            chosen[str(network)] = str(found[0])
        else:
            without.append(str(network))
    return chosen, without


def median_case(rows: pd.DataFrame) -> str:
    """The case whose mean Dice over the networks is the median (the lower of two)."""
    scores = by_network(rows).mean(axis=1).dropna().sort_values(kind="stable")
    return str(scores.index[(len(scores) - 1) // 2]) if len(scores) else str(rows["case"].iloc[0])


def _add(section: Section, data: str, rows: pd.DataFrame, drawn: dict[str, str]) -> None:
    from llmseg.plots.predictions import take_picture

    scores = by_network(rows)
    chosen = median_case(rows)
    found: dict[str, Drawn] = {}
    for network, run in drawn.items():
        try:
            found[network] = _predicted(RunFolder(Path(run)), chosen)
        except UserError as error:
            section.notes.append(f"{data}: {network} cannot be drawn ({error})")
    if not found:
        return
    first = next(iter(found.values()))
    masks = {
        _titled(network, float(scores[network].get(chosen, float("nan")))): each.prediction
        for network, each in found.items()
        if each.what == first.what
    }
    picture = take_picture(masks, first.case, first.recipe, float(scores.mean(axis=1)[chosen]))
    caption = f"{data}: the median case by mean Dice over the networks, with the Dice of the case"
    section.figures[caption] = draw_grid(picture)


def _predicted(run: RunFolder, chosen: str) -> Drawn:
    """A run's mask of a case, predicted here, so that what cannot be loaded is known before anything is drawn."""
    from llmseg.cli.pictures import data_of, prediction_of, what  # needs Hydra, which only this part does

    data = data_of(run)
    (case,) = (cached.case for cached in data.part("test") if cached.case.id == chosen)
    mask = prediction_of(run, data)(case)
    return Drawn(case, data.recipe, what(data), lambda _: mask)


def _titled(network: str, dice: float) -> str:
    return f"{network}\n{dice:.3f}" if isfinite(dice) else network
