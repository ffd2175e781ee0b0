"""Box runs together: folds pooled, so that every patient is scored by a model that has not seen it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from llmseg.errors import UserError
from llmseg.evaluation.boxes.table import ABLATION, RULE
from llmseg.runs.labels import group_repeats
from llmseg.runs.read import collect

_OF_A_FOLD = ("config.data.split.", "config.vlm.vision.run", "config.evaluation.", "config.data.root")


def pooled(folders: Sequence[str | Path]) -> dict[str, dict[str, pd.DataFrame]]:
    """The rows of all box runs below some folders.

    Runs that differ in their folds and seeds only are one method. The simple rules beside them are so often there as
    there are such runs; one of each fold is taken.

    Returns:
        Data set, with plane and sequences -> method -> rows as of `llmseg.evaluation.boxes.metrics.score`, and their
        run; a patient that several seeds of a method were scored on has the rows of all of them.

    Raises:
        UserError: a run lacks its boxes.csv.
    """
    found = [table for table in (collect(folder, task="grounding") for folder in folders) if len(table)]
    if not found:
        return {}
    frame = pd.concat(found, ignore_index=True).drop_duplicates("run", ignore_index=True)
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    told = frame["config.data.root"].map(lambda root: Path(root).name) + " " + frame["config.data.plane"]
    told += frame["config.data.sequences"].map(lambda names: f" {'+'.join(names)}")
    for name, part in frame.groupby(told, sort=False):
        tables[str(name)] = _methods(part.reset_index(drop=True))
    return tables


def _methods(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    settings = frame[[key for key in frame if not str(key).startswith(_OF_A_FOLD)]]
    learnt: dict[str, pd.DataFrame] = {}
    rules: dict[str, list[pd.DataFrame]] = {}
    for name, runs in group_repeats(settings).items():
        rows = pd.concat([_rows(Path(run)) for run in runs], ignore_index=True)
        vlm = str(frame.loc[frame["run"] == runs[0], "summary.vlm"].iloc[0])
        for method, own in rows.groupby("method", sort=False):
            if own["kind"].iloc[0] == RULE:
                rules.setdefault(str(method), []).append(own)
            else:
                learnt[str(method).replace(vlm, name, 1)] = own
    once = {name: _once(pd.concat(parts, ignore_index=True)) for name, parts in rules.items()}
    whole = {name: own for name, own in learnt.items() if own["kind"].iloc[0] != ABLATION}
    return whole | once | {name: own for name, own in learnt.items() if name not in whole}


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a rule that stands beside several runs: each slice as the first of them scored it."""
    slices = rows.groupby(["case", "plane", "slice", "line"], dropna=False)
    return rows[rows["run"] == slices["run"].transform("first")]


def _rows(run: Path) -> pd.DataFrame:
    file = run / "boxes.csv"
    if not file.is_file():
        raise UserError(f"{run}: has no boxes.csv; train it to its end, or leave it out")
    rows = pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={"case": str, "group": str})
    return rows.assign(run=str(run))
