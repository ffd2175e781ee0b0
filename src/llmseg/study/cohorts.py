"""Two groups of LLMs against each other; the LLM is the unit, and LLMs that wrote the same network count once."""

from dataclasses import dataclass
from math import comb

import pandas as pd
from scipy import stats

from llmseg.evaluation.comparison import holm
from llmseg.evaluation.effects import cliffs_delta
from llmseg.study.authors import authors

_LEVEL = 0.05


@dataclass(frozen=True)
class Cohort:
    """How LLMs are parted in two.

    Attributes:
        title: of the comparison.
        field: of `llmseg.study.authors.Author`.
        names: what the LLMs are called whose field has this value.
    """

    title: str
    field: str
    names: dict[object, str]


COHORTS = (
    Cohort("2025 against 2024", "year", {2025: "2025", 2024: "2024"}),
    Cohort("reasoning or not", "reasoning", {True: "reasoning", False: "not reasoning"}),
    Cohort("open or closed weights", "open_weights", {True: "open", False: "closed"}),
)


def members(values: "pd.Series[float]", cohort: Cohort) -> pd.DataFrame:
    """LLMs of a cohort with their values.

    Args:
        values: one an LLM; index: names of authors.csv, others are left out, as are LLMs of which the study does not
            say which cohort they belong to.
        cohort: how they are parted.

    Returns:
        Columns author, llm, network (function class), cohort and value.
    """
    known = authors()
    rows = [
        {"author": name, "llm": known[name].llm, "network": known[name].network, "cohort": side, "value": float(value)}
        for name, value in values.dropna().items()
        if name in known and (side := cohort.names.get(getattr(known[str(name)], cohort.field)))
    ]
    return pd.DataFrame(rows, columns=["author", "llm", "network", "cohort", "value"])


def compare_cohorts(values: "pd.Series[float]", cohorts: tuple[Cohort, ...] = COHORTS) -> pd.DataFrame:
    """Compare cohorts of LLMs.

    Within a cohort, the LLMs that wrote the same network are averaged into one observation. The test is Mann and
    Whitney's, two-sided and exact where there are no ties, over those observations; Holm's adjustment counts all
    comparisons. A network that LLMs of both cohorts wrote is an observation of both, which makes the test more
    cautious; how many there are is said.

    Args:
        values: one an LLM, the mean over its cases and runs; index: names of authors.csv.
        cohorts: the comparisons.

    Returns:
        One row a comparison: comparison, LLMs and networks of both sides, shared networks, their medians, cliffs_delta,
        p, p_holm and note ("n too small" where no exact test can reach 5 %).
    """
    table = pd.DataFrame([_compare(values, cohort) for cohort in cohorts])
    table["p_holm"] = holm(table["p"].tolist())
    return table[[*table.columns.drop(["p_holm", "note"]), "p_holm", "note"]]


def _compare(values: "pd.Series[float]", cohort: Cohort) -> dict[str, object]:
    rows = members(values, cohort)
    clustered = rows.groupby(["cohort", "network"])["value"].mean()
    sides = [
        clustered.loc[name].sort_index() if name in clustered.index.get_level_values(0) else clustered.iloc[:0]
        for name in cohort.names.values()
    ]
    first, second = map(len, sides)
    is_enough = 2 / comb(first + second, first) < _LEVEL  # the least p that an exact two-sided test can give
    llms = [int((rows["cohort"] == name).sum()) for name in cohort.names.values()]
    return {
        "comparison": cohort.title,
        "llms": " / ".join(map(str, llms)),
        "networks": " / ".join(str(len(side)) for side in sides),
        "shared_networks": len(set(sides[0].index) & set(sides[1].index)) if all(map(len, sides)) else 0,
        "median_first": float(sides[0].median()) if len(sides[0]) else float("nan"),
        "median_second": float(sides[1].median()) if len(sides[1]) else float("nan"),
        "cliffs_delta": cliffs_delta(sides[0], sides[1]),
        "p": float(stats.mannwhitneyu(sides[0], sides[1]).pvalue) if is_enough else float("nan"),
        "note": "" if is_enough else "n too small",
    }
