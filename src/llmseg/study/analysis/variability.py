"""(4) How much a result varies when nothing is changed: seeds, repeats, and LLMs that wrote the same network."""

import pandas as pd

from llmseg.plots.strips import draw_strips
from llmseg.study.analysis.remarks import without_runs
from llmseg.study.authors import authors
from llmseg.study.frames import joined, scored
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "Run-to-run variability"


def variability(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Spread of the runs of each network; the spread within a class is the noise that differences must exceed.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, without_runs(rows))
    for data, part in rows.groupby("data", sort=False):
        values = run_means(part)
        table = spread(values)
        if (table["runs"] < 2).all():
            section.notes.append(f"{data}: no network has two runs; give several seeds (seed=0,1,2)")
            continue
        groups = {
            str(name): (values.loc[values["network"] == name, "dice"] - table.loc[name, "mean"]).tolist()
            for name in table.index
        }
        caption = f"{data}: mean Dice of each run, from the mean of its network"
        section.figures[caption] = draw_strips(groups, "Dice of a run minus the mean of its network")
        section.tables[f"{data}: spread of the runs of each network"] = table
    section.notes.append("The study asked two LLMs ten times; their networks differ from run to run (parameters).")
    table = published("run_to_run")
    known = authors()
    groups = {known[str(name)].llm: part["median_dice"].tolist() for name, part in table.groupby("author")}
    section.figures["published: median Dice of ten runs on brain"] = draw_strips(groups, "median Dice of a run")
    section.tables["published: spread of ten runs"] = published_spread()
    section.tables["published: run to run"] = table.drop(columns="source")
    return section


def run_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice of each run over the cases that all runs of the data set have: run, network, member, seed, dice."""
    by_case = rows.groupby(["case", "run"])["dice"].mean().unstack("run").dropna()
    facts = rows.drop_duplicates("run")[["run", "network", "member", "seed"]]
    return facts.assign(dice=facts["run"].map(by_case.mean())).reset_index(drop=True)


def spread(values: pd.DataFrame) -> pd.DataFrame:
    """Of each network: members, runs, mean, standard deviation (n - 1) and range of its runs, widest range first."""
    grouped = values.groupby("network")["dice"]
    table = pd.DataFrame(
        {
            "members": values.groupby("network")["member"].agg(joined),
            "runs": grouped.size(),
            "mean": grouped.mean(),
            "sd": grouped.std(),
            "least": grouped.min(),
            "greatest": grouped.max(),
            "range": grouped.max() - grouped.min(),
        }
    )
    return table.sort_values("range", ascending=False, kind="stable")


def published_spread() -> pd.DataFrame:
    """Range of the median Dice, errors and different networks in the ten runs of each LLM."""
    table = published("run_to_run")
    grouped = table.groupby("author")
    dice = grouped["median_dice"]
    return pd.DataFrame(
        {
            "runs": grouped.size(),
            "least": dice.min(),
            "greatest": dice.max(),
            "range": dice.max() - dice.min(),
            "errors": grouped["errors"].sum(),
            "parameter_counts": grouped["parameters"].nunique(),
        }
    )
