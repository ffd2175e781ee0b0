"""Tables of methods as rows of text: scores, tests, and the field's units with published numbers beside ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from llmseg.evaluation.comparison import Difference, Score
from llmseg.evaluation.published import BEST_ON_TEST, LAST, SELECTION, Published, caution, fitting
from llmseg.evaluation.statistics import Interval
from llmseg.evaluation.summary import TOO_SMALL
from llmseg.runs.tables import BEST, Row, Table

_NAMES = {
    "dice": "Dice",
    "jaccard": "Jaccard",
    "hd95_mm": "HD95 mm",
    "assd_mm": "ASSD mm",
    "nsd": "NSD",
    "legacy_jaccard": "Jaccard (legacy)",
    "legacy_hd95_voxel": "95HD voxel",
    "legacy_asd_voxel": "ASD voxel",
}
_LENGTHS = ("hd95_mm", "assd_mm", "legacy_hd95_voxel", "legacy_asd_voxel")
_CHECKPOINT = {"last": SELECTION[LAST], "best_on_validation": "chosen on the validation cases"}
_FIELD = {"dice": 100, "legacy_jaccard": 100, "legacy_hd95_voxel": 1, "legacy_asd_voxel": 1}  # with factor


@dataclass(frozen=True)
class Section:
    """One table to print: its first row is the header."""

    title: str
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def sections(table: Table, baseline: str | None, with_published: bool) -> list[Section]:
    """What is printed of a table: its scores, its tests where a baseline is given, and the field's units."""
    found = [_scores(table)]
    if baseline is not None:
        found.append(_tests(table, baseline))
    if with_published or any("legacy_hd95_voxel" in row.scores for row in table.rows):
        found.append(_legacy(table, with_published))
    return found


def wide(tables: Sequence[Table], with_published: bool) -> pd.DataFrame:
    """One row a method with all its numbers; published rows after ours, told apart by `source`."""
    records: list[dict[str, Any]] = [_record(table, row) for table in tables for row in table.rows]
    if with_published:
        rows = {row: None for table in tables for row in fitting(table.data, _labelled(table))}
        records += [_published_record(row) for row in rows]
    return pd.DataFrame(records)


def _scores(table: Table) -> Section:
    with_best = any(BEST in row.scores for row in table.rows)
    header = ["", "runs", "n", "Dice", "95 % interval", "sd, seeds", "Jaccard", "HD95 mm", "ASSD mm", "NSD"]
    rows = [[*header, *(["Dice, best on val."] if with_best else []), "empty"]]
    for row in table.rows:
        dice = row.scores.get("dice")
        cells = [row.name, str(len(row.runs)), str(dice.cases if dice else 0), _mean(row, "dice")]
        cells += [
            _interval(dice.interval, _decimals("dice")) if dice else "-",
            _digits(dice.sd if dice else None, "dice"),
        ]
        cells += [_mean(row, metric) for metric in ("jaccard", "hd95_mm", "assd_mm", "nsd")]
        cells += [_mean(row, BEST)] if with_best else []
        rows.append([*cells, ", ".join(f"{count} {kind}" for kind, count in row.empty.items() if count)])
    return Section(_title(table), rows, [*_facts(table, with_best), *table.notes])


def _tests(table: Table, baseline: str) -> Section:
    rows = [["", "against", "metric", "pairs", "difference", "95 % interval", "p", "p (Holm)"]]
    for row in table.rows:
        for metric, difference in row.differences.items():
            rows.append([row.name, str(row.against), _NAMES[metric], *_difference(difference, metric)])
    count = len(rows) - 1
    baselines = {row.against for row in table.rows}
    alone = [row.name for row in table.rows if not row.differences and row.name not in baselines]
    notes = [
        "difference: mean over the cases that have a value in both, interval by patient; p: Wilcoxon signed-rank test "
        "over cases, each averaged over classes and seeds first, two-sided, cases without a difference left out; "
        f"Holm's adjustment over the {count} comparison{'s' if count != 1 else ''} of this table"
    ]
    if not count:
        notes = [f"nothing to compare: '{baseline}' is not here, or no other row has its number of labelled cases"]
    elif alone:
        notes.append(f"not compared: {', '.join(alone)}")
    return Section(f"{table.data}: against {baseline}", rows, notes)


def _legacy(table: Table, with_published: bool) -> Section:
    """The four numbers that the semi-supervised field prints, in its units."""
    found = fitting(table.data, _labelled(table)) if with_published else []
    rows = [(row.labelled, _field_row(row, table.checkpoint)) for row in table.rows]
    rows += [(row.labelled, _published_row(row)) for row in found]
    rows.sort(key=lambda row: _last(row[0]))  # published ones stand below ours of the same number of labels
    notes = [
        "distances without voxel spacing, ASD from prediction to label only, both 0 for an empty prediction: to stand "
        "beside the field's tables, for nothing else"
    ]
    notes += _published_notes(table, found) if with_published else []
    header = ["", "labelled", "Dice %", "Jaccard %", "95HD voxel", "ASD voxel", "checkpoint"]
    return Section(f"{table.data}: in the field's units", [header, *(cells for _, cells in rows)], notes)


def _field_row(row: Row, checkpoint: str) -> list[str]:
    labelled = "all" if row.labelled is None else str(row.labelled)
    scores = [(row.scores.get(metric), factor) for metric, factor in _FIELD.items()]
    means = [None if score is None else score.mean * factor for score, factor in scores]
    return [row.name, labelled, *map(_two, means), _CHECKPOINT.get(checkpoint, checkpoint)]


def _published_row(row: Published) -> list[str]:
    numbers = (100 * row.dice, None if row.jaccard is None else 100 * row.jaccard, row.hd95_voxel, row.asd_voxel)
    year = f" ({row.year})" if row.year else ""
    return [f"published: {row.method}{year}", str(row.labelled), *map(_two, numbers), SELECTION[row.selection]]


def _published_notes(table: Table, found: Sequence[Published]) -> list[str]:
    if not found:
        counts = ", ".join("all" if count is None else str(count) for count in sorted(_labelled(table), key=_last))
        return [f"no published numbers here for data={table.data} labelled={counts}"]
    notes = [f"published: {protocol}; {row.labelled} + {row.unlabelled}" for protocol, row in _protocols(found)]
    chosen = sum(row.selection == BEST_ON_TEST for row in found)
    if chosen:
        notes.append(
            f"{chosen} of these {len(found)} numbers are of a checkpoint chosen on the test set, which flatters"
        )
    notes += [f"{row.method} {100 * row.dice:.2f}: {row.note}" for row in found if row.note]
    warning = caution(table.data)
    return [*notes, *([warning] if warning else []), "sources: table.csv"]


def _protocols(found: Sequence[Published]) -> list[tuple[str, Published]]:
    return list({(row.protocol, row.labelled): (row.protocol, row) for row in found}.values())


def _labelled(table: Table) -> set[int | None]:
    return {row.labelled for row in table.rows}


def _last(count: int | None) -> float:
    return float("inf") if count is None else count


def _title(table: Table) -> str:
    checkpoint = _CHECKPOINT.get(table.checkpoint, table.checkpoint)
    return f"{table.data}: {table.cases} {table.part} cases of {table.patients} patients, {checkpoint}"


def _facts(table: Table, with_best: bool) -> list[str]:
    notes = [
        "each case is averaged over classes, then over runs (seeds), then cases are averaged; interval: bootstrap by "
        "patient; sd: of the runs' means (n - 1)"
    ]
    if table.nsd_tolerance is not None:
        notes.append(f"NSD at {table.nsd_tolerance:g} mm")
    if len(table.classes) > 1:
        notes.append(f"mean of the classes {', '.join(table.classes)}")
    if with_best:
        notes.append("best on val.: of another checkpoint, chosen on the validation cases; not tested")
    return notes


def _difference(difference: Difference, metric: str) -> list[str]:
    more = _decimals(metric) + 1  # differences are smaller than scores
    mean = f"{difference.mean:+.{more}f}" if difference.mean == difference.mean else "-"
    ps = [_p(difference.p), _p(difference.p_holm)]
    return [str(difference.pairs), mean, _interval(difference.interval, more), *ps]


def _p(value: float) -> str:
    if value != value:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _mean(row: Row, metric: str) -> str:
    return _digits(row.scores[metric].mean if metric in row.scores else None, metric)


def _interval(interval: Interval | None, decimals: int) -> str:
    return TOO_SMALL if interval is None else " to ".join(f"{end:.{decimals}f}" for end in interval)


def _digits(value: float | None, metric: str) -> str:
    return "-" if value is None or value != value else f"{value:.{_decimals(metric)}f}"


def _two(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f}"


def _decimals(metric: str) -> int:
    return 2 if metric in _LENGTHS else 3


def _record(table: Table, row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"data": table.data, "part": table.part, "selection": table.checkpoint, "row": row.name}
    record |= {"labelled": row.labelled, "runs": len(row.runs), "cases": table.cases, "patients": table.patients}
    for metric, score in row.scores.items():
        record |= _numbers(metric, score)
    record |= {f"empty_{kind}": count for kind, count in row.empty.items()} | {"against": row.against}
    for metric, difference in row.differences.items():
        low, high = difference.interval or (None, None)
        record |= {f"{metric}_difference": difference.mean, f"{metric}_difference_low": low}
        record |= {f"{metric}_difference_high": high, f"{metric}_pairs": difference.pairs}
        record |= {f"{metric}_p": difference.p, f"{metric}_p_holm": difference.p_holm}
    return record


def _numbers(metric: str, score: Score) -> dict[str, Any]:
    low, high = score.interval or (None, None)
    return {metric: score.mean, f"{metric}_low": low, f"{metric}_high": high, f"{metric}_sd_seeds": score.sd}


def _published_record(row: Published) -> dict[str, Any]:
    return {
        "data": row.data,
        "part": "test",
        "selection": row.selection,
        "row": row.method,
        "labelled": row.labelled,
        "dice": row.dice,
        "legacy_jaccard": row.jaccard,
        "legacy_hd95_voxel": row.hd95_voxel,
        "legacy_asd_voxel": row.asd_voxel,
        "year": row.year,
        "unlabelled": row.unlabelled,
        "protocol": row.protocol,
        "source": row.source,
        "note": row.note,
    }
