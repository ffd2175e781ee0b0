"""From runs of segmentation to values."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.evaluation.ranking import rank
from llmseg.evaluation.summary import summarise
from llmseg.runs import RunFolder, collect, collect_cases
from llmseg.runs.state import status
from llmseg.study.analysis import dice, variability
from llmseg.study.authors import authors
from llmseg.study.frames import by_network, patients_of, scored

Values = dict[str, Any]
_TABLES = (
    "Dice of each network",
    "paired Wilcoxon tests over cases, Holm, effect sizes",
    "spread of the runs of each network",
)


def demo(runs: Path, seconds: float | None) -> Values:
    """GPT-4o's network as generated and repaired, with what two thresholds reach."""
    rows = []
    for row in collect(runs).sort_values("run").to_dict("records"):
        facts = {name: row[f"summary.mean.{name}"] for name in ("dice", "hd95_mm", "nsd")}
        rows.append(
            {"repaired": bool(row["config.model.repaired"]), **facts, "parameters": int(row["summary.cost.parameters"]),
             "reference": row["summary.reference.name"], "reference_dice": row["summary.reference.mean.dice"],
             "seconds": status(RunFolder(Path(row["run"]))).seconds}
        )  # fmt: skip
    return {"rows": rows}


def hippocampus(runs: Path, seconds: float | None) -> Values:
    """Each run's whole summary, the 3D one first."""
    rows = []
    for row in collect(runs).sort_values("config.model.spatial_dims", ascending=False).to_dict("records"):
        folder = RunFolder(Path(row["run"]))
        state = status(folder)
        name = f"{row['config.model.spatial_dims']}D unet, width {row['config.model.width']}"
        summary = json.loads((folder.path / "summary.json").read_text())
        rows.append({"run": name, "steps": state.steps, "seconds_in_all": state.seconds, "summary": summary})
    return {"rows": rows}


def nineteen_networks(runs: Path, seconds: float | None) -> Values:
    """A row a run, and intervals of the classes that several LLMs wrote."""
    frame = collect(runs)
    known = authors()
    rows = [
        {**_network(row), "seconds": status(RunFolder(Path(row["run"]))).seconds} for row in frame.to_dict("records")
    ]
    groups: dict[str, list[str]] = {}
    for row, run in zip(rows, frame["run"], strict=True):
        row |= {"llm": known[row["model"]].llm}
        if not row["repaired"]:
            groups.setdefault(row["function_class"], []).append(str(run))
    cases = collect_cases(runs)
    shared = {name: _interval(cases[cases["run"].isin(own)]) for name, own in groups.items() if len(own) > 1}
    return {"class_intervals": shared, "rows": rows}


def table(runs: Path, seconds: float | None) -> Values:
    """Tables of the analysis, Friedman's test, and a row a run."""
    frame, cases = collect(runs), collect_cases(runs)
    sections = {**dice(frame, cases).tables, **variability(frame, cases).tables}
    kept = {title: records(found) for title, found in sections.items() if title.endswith(_TABLES)}
    ranks = {}
    for data, part in scored(frame, cases).groupby("data"):
        found = rank(by_network(part), len(set(patients_of(part).values())))
        ranks[str(data)] = found and {"cases": found.cases, "p": "< .001" if found.p < 0.001 else f"= {found.p:.3f}"}
    rows = [_network(row) for row in frame.to_dict("records")]
    return {"values": {"hours": seconds and seconds / 3600, "tables": kept, "friedman": ranks, "runs": rows}}


def tumour_slices(runs: Path, seconds: float | None) -> Values:
    """Dice of the patient left out."""
    rows = [
        {"model": row["config.choices.model"], "repaired": row.get("config.model.repaired") is True,
         "left_out": row["config.data.split.leave_out"], "seed": row["config.seed"], "dice": row["summary.mean.dice"]}
        for row in collect(runs).to_dict("records")
    ]  # fmt: skip
    return {"rows": rows}


def records(frame: pd.DataFrame) -> list[Values]:
    """Rows with what names them, NaN as null."""
    whole = frame.reset_index() if frame.index.name else frame
    return [dict(row) for row in json.loads(whole.to_json(orient="records", double_precision=6))]


def _network(row: Mapping[Any, Any]) -> Values:
    model = str(row["config.choices.model"])
    cases = collect_cases(row["run"])
    empty = int((cases["empty"] == "prediction").sum()) if "empty" in cases else None
    measured = {name: row.get(f"summary.mean.{name}") for name in ("dice", "hd95_mm", "nsd")}
    return {
        "data": row["summary.data"], "model": model, "function_class": authors()[model].network,
        "repaired": row.get("config.model.repaired") is True, "seed": row["config.seed"], **measured,
        "dice_interval": row.get("summary.mean_interval.dice"), "empty_predictions": empty,
        "parameters": int(row["summary.cost.parameters"]), "gmacs": row["summary.cost.gmacs"],
    }  # fmt: skip


def _interval(cases: pd.DataFrame) -> list[float] | None:
    """Of each case's mean over the runs."""
    scores = cases.groupby(["case", "group", "class"], sort=False)["dice"].mean().reset_index()
    found: list[float] | None = summarise(scores)["mean_interval"]["dice"]
    return found
