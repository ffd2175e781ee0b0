"""(8) How the choice of a Dice definition changes the ranking of the same predictions."""

import pandas as pd
from scipy import stats

from llmseg.evaluation.llm_dice import LLM_DICE
from llmseg.plots.ranks import draw_ranks
from llmseg.study.analysis.remarks import without_runs
from llmseg.study.authors import authors
from llmseg.study.frames import by_network, scored
from llmseg.study.section import Section

TITLE = "What the definition of Dice does to the ranking"
COMMON = "dice"
_NOISE = 9  # decimals; what lies below is rounding


def formulas(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Rank networks by each LLM's own formula, beside the common one.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, without_runs(rows))
    for data, part in rows.groupby("data", sort=False):
        table = by_formula(part)
        if table.shape[1] < 2 or len(table) < 2:
            section.notes.append(f"{data}: two networks scored by the LLMs' formulas are needed to compare rankings")
            continue
        ranks = table.round(_NOISE).rank(ascending=False, method="min")
        section.figures[f"{data}: rank by each definition; networks whose rank changes are in colour"] = draw_ranks(
            ranks.rename(columns=_short)
        )
        section.tables[f"{data}: the same masks by each definition"] = table.rename(columns=_short)
        section.tables[f"{data}: agreement of each definition with the common one"] = agreement(table)
    section.tables["whose formula is whose"] = _whose()
    return section


def by_formula(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean score (networks, definitions) over the same cases, the best by the common definition first."""
    columns = [COMMON, *(f.column for f in LLM_DICE if f.column in rows and rows[f.column].notna().any())]
    table = pd.DataFrame({name: by_network(rows, name).mean() for name in columns})
    return table.dropna().sort_values(COMMON, ascending=False, kind="stable").rename_axis("network")


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Of each definition against the common one: Kendall's tau-b, networks whose rank differs, and its best network."""
    rounded = table.round(_NOISE)
    ranks = rounded.rank(ascending=False, method="min")
    rows = {
        _short(name): {
            "kendall_tau": float(stats.kendalltau(rounded[COMMON], rounded[name]).statistic),
            "ranks_changed": int((ranks[name] != ranks[COMMON]).sum()),
            "best": str(rounded[name].idxmax()),
            "mean_shift": float((table[name] - table[COMMON]).mean()),
        }
        for name in table.columns
        if name != COMMON
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("definition")


def _short(column: str) -> str:
    return "common" if column == COMMON else column.removeprefix("dice_").replace("_", " ")


def _whose() -> pd.DataFrame:
    known = authors()
    rows = [
        {
            "definition": _short(formula.column),
            "LLMs": ", ".join(known[name].llm for name in names if name != "llama4_published"),
        }
        for formula, names in LLM_DICE.items()
    ]
    return pd.DataFrame(rows)
