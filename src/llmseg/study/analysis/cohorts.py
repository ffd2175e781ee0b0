"""(5) Cohorts of LLMs: 2024 against 2025, reasoning or not, open or closed."""

import pandas as pd

from llmseg.plots.strips import draw_cohorts
from llmseg.study.analysis.remarks import PUBLISHED, remarks
from llmseg.study.authors import authors
from llmseg.study.cohorts import COHORTS, compare_cohorts, members
from llmseg.study.frames import by_network, scored
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "Cohorts of LLMs"
_UNIT = (
    "The unit is the LLM, never a slice or a batch; within a cohort, LLMs that wrote the same network are one "
    "observation. A network that LLMs of both cohorts wrote counts in both."
)


def cohorts(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Compare cohorts on each data set, for our runs of the networks as generated, and for the published medians.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, [_UNIT, *remarks(runs, rows)])
    rows = rows[~rows["repaired"].astype(bool)] if len(rows) else rows
    for data, part in rows.groupby("data", sort=False):
        values = by_network(part, key="author").mean()
        _add(section, f"{data}", values[[name in authors() for name in values.index]])
    section.notes.append(f"{PUBLISHED} Rows with a known fault are left out of these comparisons.")
    for name, values in published_values().items():
        section.tables[f"published: {name}, medians"] = compare_cohorts(values)
    section.tables["published: the study's own tests, by batch"] = published("cohorts").drop(columns="source")
    return section


def published_values() -> "dict[str, pd.Series[float]]":
    """Data set -> median Dice of each LLM, without rows that have a known fault."""
    table = published("dice").query("fault == ''").dropna(subset=["median"])
    return {str(name): part.set_index("author")["median"] for name, part in table.groupby("data", sort=False)}


def _add(section: Section, data: str, values: "pd.Series[float]") -> None:
    if len(values) < 2:
        section.notes.append(f"{data}: runs of {len(values)} LLM(s), too few for cohorts")
        return
    section.tables[f"{data}: cohorts"] = compare_cohorts(values)
    panels = {}
    for cohort in COHORTS:
        found = members(values, cohort)
        sides = {name: found[found["cohort"] == name] for name in cohort.names.values()}
        if all(len(side) for side in sides.values()):
            panels[cohort.title] = {
                f"{name} ({len(side)})": dict(zip(side["llm"], side["value"], strict=True))
                for name, side in sides.items()
            }
    if panels:
        section.figures[f"{data}: mean Dice of each LLM's network"] = draw_cohorts(panels, "mean Dice")
