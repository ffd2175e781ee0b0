"""From run folders to tables of methods: one table for runs that may be compared, one row for each method."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.data.validation import shorten
from llmseg.errors import ConfigError, UserError
from llmseg.evaluation.comparison import Difference, Score, case_scores, compare, describe, holm
from llmseg.evaluation.metrics import LEGACY_METRICS, METRICS
from llmseg.evaluation.summary import EMPTY_KINDS
from llmseg.runs.comparable import check_same_cases, check_same_labels
from llmseg.runs.labels import group_repeats
from llmseg.runs.read import collect, collect_cases, no_runs

BEST = "dice_best_on_validation"
SCORES = (*METRICS, *LEGACY_METRICS, BEST)
# Runs that differ in one of these are never in one table: their numbers mean different things.
_APART = (
    "summary.data",
    "summary.part",
    "summary.checkpoint",
    "summary.nsd_tolerance_mm",
    "config.data.classes",
)


@dataclass(frozen=True)
class Row:
    """One method: runs that differ only in their seeds.

    Attributes:
        name: what tells it from the other rows.
        runs: their folders.
        labelled: number of labelled training cases; None for all.
        scores: metric -> score, for those metrics that all its runs have.
        empty: how many masks of its runs are empty: both, only the label, only the prediction.
        against: name of the row that it is compared with; None for none.
        differences: metric -> difference from that row.
    """

    name: str
    runs: list[str]
    labelled: int | None
    scores: dict[str, Score]
    empty: dict[str, int]
    against: str | None = None
    differences: dict[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Methods scored on the same cases.

    Attributes:
        data: name of the data set.
        part: which cases: test, val, train or all.
        checkpoint: which one was scored: last, or best_on_validation.
        classes: of the data set; empty where the configuration does not say.
        nsd_tolerance: in mm; None where it is not known.
        cases: number of cases.
        patients: number of patients.
        notes: what a reader must know.
        rows: by number of labelled cases, then best Dice first.
    """

    data: str
    part: str
    checkpoint: str
    classes: list[str]
    nsd_tolerance: float | None
    cases: int
    patients: int
    notes: list[str]
    rows: list[Row]


def read_tables(
    folders: Sequence[Path], baseline: str | None = None, metrics: Sequence[str] = ("dice",)
) -> list[Table]:
    """All finished runs in or below folders as tables.

    Args:
        folders: with runs.
        baseline: the row that others are tested against: its name, or words of it. Where several rows have these words,
            each row is compared with the one of the same number of labelled cases. None: no tests.
        metrics: that are tested; Holm's adjustment counts all rows and metrics of a table.

    Raises:
        UserError: no finished runs; runs that were not scored on the same cases or labels.
        ConfigError: no such baseline, several, or one that leaves nothing to compare.
    """
    runs = [table for table in map(collect, folders) if len(table)]
    if not runs:
        raise UserError(no_runs(folders))
    frame = _unique(pd.concat(runs, ignore_index=True), ["run"])
    cases = _read_cases(folders, frame)
    keys = [tuple(str(record.get(key)) for key in _APART) for record in frame.to_dict("records")]
    tables = []
    for key in dict.fromkeys(keys):
        part = frame[[each == key for each in keys]].reset_index(drop=True)
        tables.append(_table(part, cases[cases["run"].isin(part["run"])], baseline, metrics))
    if baseline is not None:
        _check_baseline(tables, baseline)
    return tables


def _check_baseline(tables: Sequence[Table], baseline: str) -> None:
    """Refuse a baseline that no row is called by, or that leaves no row to be compared with it."""
    rows = [row for table in tables for row in table.rows]
    names = [row.name for row in rows]
    if not any(_candidates(table.rows, baseline) for table in tables):
        raise ConfigError(f"baseline={baseline}: no such row{_hint(baseline, names)}")
    if any(len(table.rows) > 1 for table in tables) and not any(row.against for row in rows):
        there = shorten([f"'{name}'" for name in dict.fromkeys(names)])
        raise ConfigError(f"baseline={baseline}: leaves nothing to compare; give one of {there}")


def _read_cases(folders: Sequence[Path], frame: pd.DataFrame) -> pd.DataFrame:
    found = [table for table in map(collect_cases, folders) if len(table)]
    cases = pd.concat(found, ignore_index=True) if found else pd.DataFrame({"run": []})
    cases = _unique(cases, ["run", "case", "class"]) if found else cases
    missing = set(frame["run"]) - set(cases["run"])
    if missing:
        raise UserError(f"{min(missing)}: has no cases.csv; score it again with evaluate.py, or leave it out")
    return cases


def _unique(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """A run that several folders lead to counts once."""
    resolved = {run: str(Path(run).resolve()) for run in set(frame["run"])}
    frame = frame.assign(run=frame["run"].map(resolved))
    return frame.drop_duplicates(keys, ignore_index=True)


def _table(frame: pd.DataFrame, cases: pd.DataFrame, baseline: str | None, metrics: Sequence[str]) -> Table:
    first: dict[str, Any] = {str(key): value for key, value in frame.iloc[0].to_dict().items()}
    check_same_cases(cases)
    check_same_labels(cases)
    patients = {str(case): str(group) for case, group in zip(cases["case"], cases["group"], strict=True)}
    rows, tables = [], {}
    for name, runs in group_repeats(frame).items():
        part = cases[cases["run"].isin(runs)]
        tables[name] = {metric: case_scores(part, metric) for metric in SCORES if _is_complete(part, metric)}
        rows.append(_row(name, runs, frame, part, tables[name], patients))
    rows.sort(key=_best_first)
    if baseline is not None:
        rows = _compared(rows, tables, baseline, metrics, patients)
    tolerance, classes, note = (first.get(key) for key in (_APART[3], _APART[4], "summary.note"))
    return Table(
        data=str(first["summary.data"]),
        part=str(first.get("summary.part", "test")),
        checkpoint=str(first.get("summary.checkpoint", "last")),
        classes=[str(name) for name in classes] if isinstance(classes, list) else [],
        nsd_tolerance=float(tolerance) if tolerance is not None and tolerance == tolerance else None,
        cases=len(patients),
        patients=len(set(patients.values())),
        notes=[*([note] if isinstance(note, str) else []), *_repeated(rows, frame)],
        rows=rows,
    )


def _row(
    name: str,
    runs: list[str],
    frame: pd.DataFrame,
    part: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    patients: dict[str, str],
) -> Row:
    labelled = frame[frame["run"] == runs[0]].iloc[0].get("config.data.labelled")
    empty = part["empty"] if "empty" in part else pd.Series(dtype=str)
    return Row(
        name=name,
        runs=runs,
        labelled=int(labelled) if labelled is not None and labelled == labelled else None,
        scores={metric: describe(table, patients) for metric, table in tables.items()},
        empty={kind: int((empty == kind).sum()) for kind in EMPTY_KINDS},
    )


def _best_first(row: Row) -> tuple[float, float]:
    dice = row.scores["dice"].mean if "dice" in row.scores else float("-inf")
    return row.labelled or float("inf"), -dice


def _is_complete(part: pd.DataFrame, metric: str) -> bool:
    """Whether every run of a row has the metric."""
    return metric in part and bool(part.groupby("run")[metric].count().min() > 0)


def _compared(
    rows: list[Row],
    tables: dict[str, dict[str, pd.DataFrame]],
    baseline: str,
    metrics: Sequence[str],
    patients: dict[str, str],
) -> list[Row]:
    """The rows with their differences from the baseline, its own row first."""
    found = _candidates(rows, baseline)
    result = []
    for row in rows:
        other = _partner(row, found, baseline)
        if other is None:
            result.append(row)
            continue
        shared = [metric for metric in metrics if metric in row.scores and metric in other.scores]
        differences = {
            metric: compare(tables[row.name][metric], tables[other.name][metric], patients) for metric in shared
        }
        result.append(replace(row, against=other.name, differences=differences))
    every = [(index, metric) for index, row in enumerate(result) for metric in row.differences]
    adjusted = holm([result[index].differences[metric].p for index, metric in every])
    for (index, metric), p in zip(every, adjusted, strict=True):
        result[index].differences[metric] = replace(result[index].differences[metric], p_holm=p)
    first = {row.name for row in found}
    return sorted(result, key=lambda row: (row.labelled or float("inf"), row.name not in first))


def _candidates(rows: Sequence[Row], baseline: str) -> list[Row]:
    """The row of that name, or else all rows that have all its words."""
    words = set(baseline.split())
    exact = [row for row in rows if row.name == baseline]
    return exact or [row for row in rows if words and words <= set(row.name.split())]


def _partner(row: Row, found: list[Row], baseline: str) -> Row | None:
    if any(row.name == other.name for other in found):
        return None
    fitting = found if len(found) == 1 else [other for other in found if other.labelled == row.labelled]
    if len(fitting) > 1:
        names = shorten([f"'{other.name}'" for other in fitting])
        raise ConfigError(f"baseline={baseline}: several rows are called so; give one of {names}")
    return fitting[0] if fitting else None


def _repeated(rows: Sequence[Row], frame: pd.DataFrame) -> list[str]:
    """A remark for each row that has a seed twice, which would count as two."""
    seeds = ["config.seed", "config.data.labelled_seed"]
    notes = []
    for row in rows:
        part = frame[frame["run"].isin(row.runs)].reindex(columns=["run", *seeds])
        twice = part[part.duplicated(seeds, keep=False)]
        if len(twice):
            names = shorten([Path(run).name for run in twice["run"]])
            notes.append(f"{row.name}: {len(twice)} runs with one seed ({names}) count as so many; keep one of them")
    return notes


def _hint(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    known = list(dict.fromkeys([*names, *(each.split()[0] for each in names)]))
    near = get_close_matches(name, known, 1)
    return f", did you mean '{near[0]}'?" if near else f"; there is {shorten(list(dict.fromkeys(names)))}"
