"""What the study (ankilab, LLM_based_Segmentation) published, one CSV a subject, with sources and known faults.

A number that is known to be wrong is not used: `fault` says what is the matter with a row, and where the right value
is not known its column is empty. What was printed stands in columns of their own (`mean_published`).
"""

import csv
from importlib import resources

import pandas as pd

from llmseg.study.authors import authors

TABLES = (
    "networks",
    "recipes",
    "errors",
    "times",
    "dice",
    "losses",
    "run_to_run",
    "single_images",
    "cohorts",
)
REFERENCE = "nnunet"
"""The one row that no LLM wrote: nnU-Net as the study trained it."""


def published(table: str) -> pd.DataFrame:
    """One of `TABLES`; numbers are numbers, empty cells NaN, and empty texts "" in `fault` and `source`.

    Raises:
        ValueError: a row has more or fewer cells than the header.
    """
    text = resources.files(__name__).joinpath(f"{table}.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines(), strict=True))
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"{table}.csv: a row has another number of cells than the header")
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    for name in frame.columns.difference(["fault", "source", "author", "data"]):
        frame[name] = _numeric(frame[name])
    return frame


def llms() -> pd.DataFrame:
    """Every LLM of authors.csv with its company, version, openness and limits, and the facts of its network.

    Returns:
        Columns of `llmseg.study.authors.Author`, then those of networks.csv.
    """
    frame = pd.DataFrame([vars(author) for author in authors().values()])
    return frame.merge(published("networks"), how="left", left_on="name", right_on="author").drop(columns="author")


def _numeric(column: "pd.Series[str]") -> "pd.Series[float] | pd.Series[str]":
    filled = column[column != ""]
    numbers = pd.to_numeric(filled, errors="coerce")
    if len(filled) and numbers.notna().all():
        return pd.to_numeric(column.where(column != "", None))
    return column
