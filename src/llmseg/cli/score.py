"""Score a run's checkpoints on cases and write cases.csv, summary.json and the figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from llmseg.cli.console import log, render
from llmseg.data.cache import CachedCase
from llmseg.data.datamodule import SegmentationData
from llmseg.errors import ConfigError
from llmseg.evaluation.cases import Evaluation, evaluate_cases, evaluate_thresholds
from llmseg.evaluation.cost import gmacs, parameters, peak_memory_mb
from llmseg.evaluation.summary import summarise, table
from llmseg.inference.predictor import Predictor
from llmseg.plots.predictions import draw_extremes
from llmseg.runs import RunFolder, TrainedNetwork, load
from llmseg.runs.folder import write

COLUMN = {"best": "best_on_validation", "last": "last"}
"""What a checkpoint is called in the tables: the best one was chosen, and says so."""


@dataclass(frozen=True)
class Scorer:
    """Where and how a run is scored.

    Attributes:
        run: holds the checkpoints.
        data: cases and preprocessing.
        part: train, val, test or all.
        options: the `evaluation` node.
        device: where networks run.
    """

    run: RunFolder
    data: SegmentationData
    part: str
    options: Mapping[str, Any]
    device: torch.device

    def __call__(self, output: Path) -> dict[str, Any]:
        """Score, write into `output`, print the table and return the summary."""
        cases = self.data.part(self.part)
        if not cases:
            raise ConfigError(f"no {self.part} cases to score: see data.split, or leave it with evaluate=false")
        names = [name for name in self.options["checkpoints"] if name == "last" or self._has(name)]
        main, *others = names or list(self.options["checkpoints"])
        trained = load(self.run.path, main)
        predictor = self._predictor(trained)
        evaluation = self._evaluate(predictor, cases)
        rows = pd.DataFrame(evaluation.rows)
        summary = self._facts(trained, main) | summarise(rows) | self._cost(trained, predictor, evaluation)
        for name in others:
            extra = self._other(name, trained, evaluation, cases)
            rows[f"dice_{COLUMN[name]}"] = [row["dice"] for row in extra.rows]
            summary[COLUMN[name]] = {"mean": summarise(extra.rows)["mean"]}
        if self.data.config.reference == "thresholds":
            reference = evaluate_thresholds(self.data.part("train"), cases, self.data.recipe, self._tolerance)
            summary["reference"] = {"name": "two intensity thresholds"} | summarise(reference.rows)
        _write(output, rows, summary)
        if self.options["figures"]:
            self._draw(predictor, cases, rows, output, summary)
        log.info(describe(summary))
        return summary

    @property
    def _tolerance(self) -> float:
        return float(self.options["nsd_tolerance"])

    def _has(self, name: str) -> bool:
        return (self.run.checkpoints / f"{name}.ckpt").is_file()

    def _predictor(self, trained: TrainedNetwork) -> Predictor:
        precision = str(trained.config["trainer"]["precision"])
        overlap = float(self.options["overlap"])
        return Predictor(trained.net, self.data.recipe, self.data.patch(), overlap, precision, self.device)

    def _evaluate(self, predictor: Predictor, cases: Sequence[CachedCase]) -> Evaluation:
        return evaluate_cases(predictor, cases, self._tolerance)

    def _other(
        self, name: str, main: TrainedNetwork, evaluation: Evaluation, cases: Sequence[CachedCase]
    ) -> Evaluation:
        trained = load(self.run.path, name)
        state, known = trained.net.state_dict(), main.net.state_dict()
        if all(torch.equal(state[key], known[key].cpu()) for key in state):
            return evaluation  # the last epoch was the best one
        return self._evaluate(self._predictor(trained), cases)

    def _facts(self, trained: TrainedNetwork, checkpoint: str) -> dict[str, Any]:
        return {
            "data": self.data.config.name,
            "part": self.part,
            "note": self.data.config.note,
            "model": trained.config["choices"]["model"],
            "method": trained.config["choices"]["method"],
            "seed": trained.config["seed"],
            "checkpoint": COLUMN[checkpoint],
            "nsd_tolerance_mm": self._tolerance,
        }

    def _cost(self, trained: TrainedNetwork, predictor: Predictor, evaluation: Evaluation) -> dict[str, Any]:
        shape = (1, int(self.data.config.channels or 1), *self.data.patch())
        return {
            "cost": {
                "parameters": parameters(trained.net),
                "gmacs": gmacs(trained.net, shape),
                "input": list(shape),
                "seconds_per_case": float(np.median(evaluation.seconds)),
                "peak_memory_mb": peak_memory_mb(self.device),
                "device": str(self.device),
                "precision": str(trained.config["trainer"]["precision"]),
            }
        }

    def _draw(
        self,
        predictor: Predictor,
        cases: Sequence[CachedCase],
        rows: pd.DataFrame,
        output: Path,
        summary: Mapping[str, Any],
    ) -> None:
        dice = {str(case): float(mean) for case, mean in rows.groupby("case")["dice"].mean().items()}
        title = f"{summary['model']} on {summary['data']}: mean Dice {_dice(summary)}"
        cached = {each.case.id: each for each in cases}
        predictions = {"prediction": lambda case: predictor.mask(cached[case.id])}
        path = output / "figures" / "cases.png"
        draw_extremes(predictions, [each.case for each in cases], self.data.recipe, dice, path, title, summary["note"])


def describe(summary: Mapping[str, Any]) -> str:
    """A summary as the table that is printed."""
    rows = table(dict(summary))
    notes = [summary["note"]] if summary["note"] else []
    if "reference" in summary:
        reference = table(summary["reference"])[-1]
        rows.append([summary["reference"]["name"], *reference[1:]])
    if "best_on_validation" in summary:
        notes.append(f"best on validation: mean Dice {_dice(summary['best_on_validation'])}")
    title = f"{summary['model']} on {summary['data']} ({summary['part']}, {summary['checkpoint']} checkpoint)"
    return render(rows, title, notes)


def _dice(summary: Mapping[str, Any]) -> str:
    value = summary["mean"]["dice"]
    return "-" if value is None else f"{value:.3f}"


def _write(output: Path, rows: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    write(output / "cases.csv", rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    RunFolder(output).write_json("summary.json", summary)
