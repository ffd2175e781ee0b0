"""(2) Dice by network and data set, with paired tests over cases."""

import pandas as pd

from llmseg.evaluation.pairwise import pairwise
from llmseg.evaluation.ranking import rank
from llmseg.plots.critical_difference import draw_critical_difference
from llmseg.plots.intervals import draw_intervals
from llmseg.study.analysis.remarks import PUBLISHED, remarks
from llmseg.study.frames import by_network, means, patients_of, scored
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "Dice by network and data set"
CANONICAL = "gpt_o1"
"""The class of the canonical U-Net, which others are tested against where there are too many for all pairs."""
_FEW = 6


def dice(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Means, intervals, tests and the critical-difference diagram of each data set.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, remarks(runs, rows))
    section.notes.append("LLMs that wrote the same network are one row; each case is the mean over its runs.")
    for data, part in rows.groupby("data", sort=False):
        _add(section, str(data), part)
    section.notes.append(PUBLISHED)
    section.tables["published: median Dice"] = published_medians()
    faults = published("dice").query("fault != ''")[["author", "data", "mean_published", "mean", "median", "fault"]]
    section.tables["published: Dice with known faults"] = faults
    return section


def published_medians() -> pd.DataFrame:
    """The study's median Dice, (authors, data sets); NaN where there is none."""
    table = published("dice")
    wide = table.pivot(index="author", columns="data", values="median")
    return wide.loc[table["author"].unique(), table["data"].unique()]


def tested_pairs(names: list[str]) -> list[tuple[str, str]] | None:
    """Which pairs are tested: all of a few networks (None), else every network against the canonical one.

    The reference is not chosen by its score. Where it is missing, all pairs are tested.
    """
    if len(names) <= _FEW or CANONICAL not in names:
        return None
    return [(name, CANONICAL) for name in names if name != CANONICAL]


def _add(section: Section, data: str, rows: pd.DataFrame) -> None:
    scores, patients = by_network(rows), patients_of(rows)
    table = means(rows)
    section.figures[f"{data}: Dice of each network"] = draw_intervals(table, scores)
    section.tables[f"{data}: Dice of each network"] = table
    shared = len(scores.dropna())
    if shared < len(scores):
        section.notes.append(
            f"{data}: {shared} of {len(scores)} cases have a score of all networks; ranks are of those"
        )
    if len(scores.columns) > 1:
        tests = pairwise(scores, patients, tested_pairs(list(scores.columns)))
        section.tables[f"{data}: paired Wilcoxon tests over cases, Holm, effect sizes"] = tests
    kept = {patients[str(case)] for case in scores.dropna().index}
    if ranking := rank(scores, len(kept)):
        caption = (
            f"{data}: mean ranks over {ranking.cases} cases, Friedman p {_p(ranking.p)}; "
            "a bar joins networks that Nemenyi's test does not tell apart at 5 %"
        )
        section.figures[caption] = draw_critical_difference(ranking)


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"= {value:.3f}"
