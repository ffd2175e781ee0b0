"""From runs of boxes and reports to values."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.runs import RunFolder, collect
from llmseg.runs.state import status


def boxes_left_atrium(runs: Path, seconds: float | None) -> dict[str, Any]:
    """What compare.py wrote, and how long each model trained."""
    took = {str(row["config.choices.vlm"]): _seconds(row["run"]) for row in _runs(runs, "grounding")}
    return {"values": {"seconds": took, **_boxes(runs)}}


def boxes_tumours(runs: Path, seconds: float | None) -> dict[str, Any]:
    """What compare.py wrote, and how long all of it took."""
    return {"values": {"seconds": seconds, **_boxes(runs), "other_runs": None}}


def reports(runs: Path, seconds: float | None) -> dict[str, Any]:
    """The scores of each division, and what the text says beside them."""
    values: dict[str, Any] = {"steps": 0, "training_reports": 0, "seconds_of_training": {}, "counted": {}}
    shares = {}
    for row in _runs(runs, "report"):
        folder, rule = RunFolder(Path(row["run"])), str(row["summary.split"])
        summary = json.loads((folder.path / "summary.json").read_text())
        split = json.loads((folder.path / "split.json").read_text())
        values |= {"steps": status(folder).steps, "training_reports": len(split["train"])}
        values["seconds_of_training"][rule] = _seconds(row["run"])
        values[rule] = {key: summary[key] for key in ("seconds_per_report", "methods")}
        shares[rule] = _share_of_three(pd.read_csv(folder.path / "reports.csv", keep_default_na=False))
    values["counted"] = {
        "findings_word_for_word_in_training": {"usual": seen_findings("usual")},
        "share_of_three_sentences": shares["dedup"],
        "nearest_rougeL_usual": {},
    }
    return {"values": values}


def seen_findings(rule: str) -> int:
    """How many test reports of a division of Open-i have findings that stand in the training part to the letter."""
    from llmseg.data.reports.config import ReportsConfig, ReportSplitConfig
    from llmseg.data.reports.datamodule import ReportData

    data = ReportData(ReportsConfig(name="openi", format="openi", empty="drop", split=ReportSplitConfig(rule=rule)), 0)
    known = {report.input for report in data.part("train")}
    return sum(report.input in known for report in data.part("test"))


def _share_of_three(rows: pd.DataFrame) -> float:
    """Share of the model's answers that are one of its three commonest."""
    texts = rows.loc[rows["method"] == rows["method"].iloc[0], "text"]
    return float(texts.value_counts().iloc[:3].sum() / len(texts))


def _boxes(runs: Path) -> dict[str, Any]:
    return dict(json.loads(next(runs.rglob("boxes.json")).read_text()))


def _runs(runs: Path, task: str) -> Iterator[dict[Any, Any]]:
    yield from collect(runs, task=task).to_dict("records")


def _seconds(run: str) -> float | None:
    return status(RunFolder(Path(run))).seconds
