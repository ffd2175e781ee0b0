"""(6) Cost: parameters, GMACs and time against Dice."""

from pathlib import Path

import pandas as pd

from llmseg.plots.pareto import draw_pareto, front
from llmseg.runs.folder import RunFolder
from llmseg.runs.state import status
from llmseg.study.analysis.remarks import PUBLISHED, without_runs
from llmseg.study.frames import means, named, scored
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "Cost against Dice"
COSTS = {"parameters": "parameters", "gmacs": "GMACs a forward pass", "seconds": "seconds of a run"}
_KEYS = {"parameters": "summary.cost.parameters", "gmacs": "summary.cost.gmacs"}


def cost(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Cost and Dice of each network, and which networks none beats in both (Pareto).

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, without_runs(rows))
    spent = expenses(runs)
    for data, part in rows.groupby("data", sort=False):
        table = means(part)[["members", "mean"]].rename(columns={"mean": "dice"})
        table = table.join(spent[spent["data"] == data].groupby("network")[list(COSTS)].mean())
        table["front"] = [", ".join(_fronts(table, str(name))) for name in table.index]
        section.tables[f"{data}: cost of each network"] = table
        if table[list(COSTS)].notna().any(axis=None):
            section.figures[f"{data}: Dice against cost; orange: no other is cheaper and better"] = draw_pareto(
                table, COSTS, "dice", "mean Dice"
            )
    section.notes.append(f"Seconds are of whole runs, also on busy machines: upper bounds. {PUBLISHED}")
    section.tables["published: parameters and GMACs at the native size"] = published("networks").drop(
        columns=["source", "state_dict_keys"]
    )
    section.tables["published: training time"] = published("times").drop(columns="source")
    return section


def expenses(runs: pd.DataFrame) -> pd.DataFrame:
    """What each run cost: run, data, network, and the columns of `COSTS`; NaN where it is not known."""
    facts = named(runs)
    if facts.empty:
        return facts.reindex(columns=["run", "data", "network", *COSTS])
    known = runs.set_index("run").reindex(columns=list(_KEYS.values())).loc[facts["run"]]
    values = {name: pd.to_numeric(known[key], errors="coerce").to_numpy() for name, key in _KEYS.items()}
    seconds = [status(RunFolder(Path(str(run)))).seconds for run in facts["run"]]
    values["seconds"] = pd.to_numeric(pd.Series(seconds, dtype=object), errors="coerce").to_numpy()
    return facts[["run", "data", "network"]].assign(**values)


def _fronts(table: pd.DataFrame, name: str) -> list[str]:
    return [key for key in COSTS if name in front(table[key], table["dice"])]
