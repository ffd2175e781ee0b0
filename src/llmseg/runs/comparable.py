"""Which runs may stand in one table."""

import pandas as pd

from llmseg.data.validation import shorten
from llmseg.errors import UserError

_ROUNDING = 1e-3  # of a label's volume between two files


def check_same_cases(cases: pd.DataFrame) -> None:
    """Check that all runs were scored on the same cases and classes.

    Args:
        cases: one row a run, case and class.

    Raises:
        UserError: a run lacks a case of another one.
    """
    pairs = {str(run): set(zip(part["case"], part["class"], strict=True)) for run, part in cases.groupby("run")}
    every = set().union(*pairs.values())
    for run, own in pairs.items():
        missing = sorted({case for case, _ in every - own})
        if missing:
            raise UserError(
                f"{run}: lacks {len(missing)} case(s) that other runs were scored on ({shorten(missing)}); "
                "give only folders of runs with the same cases"
            )


def check_same_labels(cases: pd.DataFrame) -> None:
    """Check that a case's label is the same in all runs: ids may agree by chance, the volumes of labels do not.

    Args:
        cases: one row a run, case and class, with the label's volume in the column label_ml; without it, and for
            pictures, which have no volume, nothing is checked.

    Raises:
        UserError: a label differs between two runs.
    """
    if "label_ml" not in cases:
        return
    volumes = cases.groupby(["case", "class"])["label_ml"].agg(["min", "max"])
    other = volumes[volumes["max"] - volumes["min"] > _ROUNDING * volumes["max"]]
    if len(other):
        case, name = other.index[0]
        part = cases[(cases["case"] == case) & (cases["class"] == name)].sort_values("label_ml")
        raise UserError(
            f"case {case}: its label ({name}) has another volume in {part['run'].iloc[0]} than in "
            f"{part['run'].iloc[-1]}; these are not the same data, give their folders apart"
        )
