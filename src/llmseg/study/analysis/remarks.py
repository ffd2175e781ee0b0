"""What several parts say in the same words."""

import pandas as pd

from llmseg.evaluation.statistics import MINIMUM_PATIENTS
from llmseg.evaluation.summary import TOO_SMALL

NO_RUNS = "no finished run here: train some (python train.py), or name another folder"
PUBLISHED = (
    "The study's own numbers: every LLM was scored by a Dice of its own on a test split of its own, often by batch. "
    "They are shown beside ours, never compared with them. Rows with a known fault say so."
)


def without_runs(rows: pd.DataFrame) -> list[str]:
    """What is said where there is nothing to analyse; `rows` as `llmseg.study.frames.scored` returns them."""
    return [NO_RUNS] if rows.empty else []


def remarks(runs: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Cautions that hold for scored runs: of the data sets, and how few patients they have.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        rows: as `llmseg.study.frames.scored` returns them.
    """
    if rows.empty:
        return without_runs(rows)
    cautions = runs[["summary.data", "summary.note"]].dropna() if "summary.note" in runs else pd.DataFrame()
    pairs = [tuple(pair) for pair in cautions.drop_duplicates().to_numpy()]
    notes = [f"{data}: {note}" for data, note in pairs]
    for data, part in rows.groupby("data", sort=False):
        patients = part["group"].nunique()
        if patients < MINIMUM_PATIENTS:
            notes.append(f"{data}: {patients} patient(s), {TOO_SMALL} for intervals and tests")
    return notes
