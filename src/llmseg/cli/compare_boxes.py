"""`python compare.py run=...` of box runs: the folds together, each patient, and the picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from llmseg.cli.console import render
from llmseg.evaluation.boxes.metrics import summarise
from llmseg.evaluation.boxes.table import ABLATION, CAPTION, MODEL, compare, patients_table, table
from llmseg.evaluation.comparison import holm
from llmseg.evaluation.summary import Summary
from llmseg.plots.boxes import bars_by_patient
from llmseg.runs.boxes import pooled
from llmseg.runs.folder import RunFolder
from llmseg.whole import write

_MANY = 12  # patients from which on they are not listed one by one
_ENOUGH = 10  # patients for a test


def compare_boxes(folders: Sequence[str], output: Path) -> bool:
    """Print a table for each data set of box runs; write boxes.json, boxes.csv and boxes.png.

    Returns:
        Whether there are such runs.
    """
    tables = pooled(folders)
    for data, methods in tables.items():
        place = output if len(tables) == 1 else output / data.replace(" ", "_")
        summaries = {name: summarise(rows) for name, rows in methods.items()}
        title = f"boxes on {data}"
        print(render(table(summaries), title, [CAPTION]))
        shown = {name: summaries[name] for name, rows in methods.items() if _kind(rows) != ABLATION}
        patients = len(next(iter(shown.values()))["per_patient"])
        if patients <= _MANY:
            print(render(patients_table(shown), f"IoU of each patient, {title}", []))
            bars_by_patient({name: each["per_patient"] for name, each in shown.items()}, place / "boxes.png", title)
            print(f"\npicture: {place / 'boxes.png'}")
        tests = _tests(methods, shown) if patients >= _ENOUGH else {}
        for name, found in tests.items():
            between = f"[{found['low']:.3f}, {found['high']:.3f}]"
            print(
                f"{name}: {found['difference']:+.3f} {between}, p {found['p_holm']:.2g} (Wilcoxon over patients, Holm)"
            )
        rows = pd.concat([own.assign(method=name) for name, own in methods.items()], ignore_index=True)
        write(place / "boxes.csv", rows.to_csv(index=False))
        RunFolder(place).write_json("boxes.json", {"data": data, "methods": summaries, "paired": tests})
    return bool(tables)


def _tests(
    methods: Mapping[str, pd.DataFrame], summaries: Mapping[str, Summary]
) -> dict[str, dict[str, float | int | str | None]]:
    """The best method that learns against each other one, paired over patients."""
    learnt = [name for name in summaries if _kind(methods[name]) == MODEL] or list(summaries)
    first = max(learnt, key=lambda name: summaries[name]["mean"]["iou"] or 0.0)
    patients = set(methods[first]["group"])
    found = {
        f"{first} - {name}": compare(methods[first], methods[name])
        for name in summaries
        if name != first and set(methods[name]["group"]) == patients  # others saw some of the patients only
    }
    tested = {name: each for name, each in found.items() if each["p"] is not None}  # the others have too few patients
    adjusted = holm([float(str(each["p"])) for each in tested.values()])
    return {name: {**each, "p_holm": p} for (name, each), p in zip(tested.items(), adjusted, strict=True)}


def _kind(rows: pd.DataFrame) -> str:
    return str(rows["kind"].iloc[0])
