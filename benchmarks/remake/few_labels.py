"""From runs on four labelled hippocampi to values: every row against its baseline, paired by case."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.evaluation.comparison import case_scores, compare, describe, holm
from llmseg.runs import RunFolder, collect, collect_cases
from llmseg.runs.state import status
from llmseg.study.frames import patients_of

METHODS = ("supervised", "mean_teacher", "cps", "llm_segnet", "cps_apart", "llm_segnet_apart", "supervised_all")
CONTROLS = ("llm_segnet", "llm_none", "llm_random", "llm_learned", "llm_other", "llm_nll", "llm_mse", "llm_off")
_CONTROL_SEEDS = (0, 1)
_KNOWLEDGE = {
    "none": "llm_none",
    "random": "llm_random",
    "learned": "llm_learned",
    "left_atrium/hand_written": "llm_other",
}


def hippocampus_4(runs: Path, seconds: float | None) -> dict[str, Any]:
    """The rows of both tables, and all runs."""
    frame, cases = collect(runs), collect_cases(runs)
    frame = frame.assign(name=[name_of(row) for row in frame.to_dict("records")])
    few = frame[frame["config.seed"].isin(_CONTROL_SEEDS)]
    return {
        "values": {
            "methods": compared(frame, cases, METHODS),
            "controls": compared(few, cases, CONTROLS),
            "runs": [_run(row) for row in frame.to_dict("records")],
        }
    }


def name_of(row: Mapping[Any, Any]) -> str:
    """What a run is called in the tables."""
    method = str(row["config.choices.method"])
    if method == "supervised":
        return method if row["config.data.labelled"] == 4 else "supervised_all"
    if row.get("config.method.joint") is False:
        return f"{method}_apart"
    if method != "llm_segnet":
        return method
    if row["config.method.weight"] == 0:
        return "llm_off"
    for term, name in (("mse_weight", "llm_nll"), ("nll_weight", "llm_mse")):
        if row[f"config.method.{term}"] == 0:
            return name
    return _KNOWLEDGE.get(str(row["config.choices.knowledge"]), method)


def compared(frame: pd.DataFrame, cases: pd.DataFrame, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Mean Dice of each row, and its difference from the first; Holm over all of them."""
    patients = patients_of(cases)
    known = [name for name in names if name in set(frame["name"])]
    scores = {
        name: case_scores(cases[cases["run"].isin(frame.loc[frame["name"] == name, "run"])], "dice") for name in known
    }
    tests = {name: compare(scores[name], scores[known[0]], patients) for name in known[1:]}
    adjusted = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    rows = []
    for name in known:
        found, test = describe(scores[name], patients), tests.get(name)
        low, high = found.interval or (None, None)
        row = {"row": name, "seeds": scores[name].shape[1], "dice": found.mean, "low": low, "high": high}
        row |= {"sd_seeds": found.sd, "difference": test and test.mean, "p_holm": adjusted.get(name)}
        ends = (test and test.interval) or (None, None)
        rows.append(row | {"difference_low": ends[0], "difference_high": ends[1]})
    return rows


def _run(row: Mapping[Any, Any]) -> dict[str, Any]:
    state = status(RunFolder(Path(row["run"])))
    facts = {key: row.get(f"summary.mean.{key}") for key in ("dice", "hd95_mm", "nsd")}
    return {"name": row["name"], "seed": row["config.seed"], "labelled": row["config.data.labelled"], **facts,
            "seconds": state.seconds}  # fmt: skip
