"""Score checkpoints of a run, or of an ensemble, on cases and write cases.csv, summary.json and the figure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from llmseg.cli.console import log, render
from llmseg.cli.trained import segmenter
from llmseg.data.cache import CachedCase
from llmseg.data.datamodule import SegmentationData
from llmseg.errors import ConfigError
from llmseg.evaluation.cases import Evaluation, evaluate_cases, evaluate_thresholds
from llmseg.evaluation.cost import gmacs, parameters, peak_memory_mb
from llmseg.evaluation.summary import summarise, table
from llmseg.inference.predictor import Segmenter
from llmseg.plots.predictions import draw_extremes
from llmseg.runs import RunFolder, TrainedNetwork, load_all
from llmseg.whole import write

COLUMN = {"best": "best_on_validation", "last": "last"}
"""What a checkpoint is called in the tables: the best one was chosen, and says so."""


@dataclass(frozen=True)
class Scorer:
    """Where and how runs are scored.

    Attributes:
        runs: hold the checkpoints; several make an ensemble.
        data: cases and preprocessing.
        part: train, val, test or all.
        options: the `evaluation` node.
        device: where networks run.
    """

    runs: Sequence[RunFolder]
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
        trained = self._load(main)
        predictor = self._predictor(trained)
        evaluation = self._evaluate(predictor, cases)
        rows = pd.DataFrame(evaluation.rows)
        summary = self._facts(trained, main) | summarise(rows) | self._cost(trained, evaluation)
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
        return all((run.checkpoints / f"{name}.ckpt").is_file() for run in self.runs)

    def _load(self, name: str) -> list[TrainedNetwork]:
        return [each for run in self.runs for each in load_all(run.path, name, self.options.get("networks"))]

    def _predictor(self, trained: Sequence[TrainedNetwork]) -> Segmenter:
        # runs of earlier versions know no weights and no stride
        windows = {key: self.options[key] for key in ("overlap", "weights", "stride") if key in self.options}
        return segmenter(trained, self.data.recipe, self.data.patch(), self.device, **windows)

    def _evaluate(self, predictor: Segmenter, cases: Sequence[CachedCase]) -> Evaluation:
        return evaluate_cases(predictor, cases, self._tolerance)

    def _other(
        self, name: str, main: Sequence[TrainedNetwork], evaluation: Evaluation, cases: Sequence[CachedCase]
    ) -> Evaluation:
        trained = self._load(name)
        if all(_equal(each, other) for each, other in zip(trained, main, strict=True)):
            return evaluation  # the last epoch was the best one
        return self._evaluate(self._predictor(trained), cases)

    def _facts(self, trained: Sequence[TrainedNetwork], checkpoint: str) -> dict[str, Any]:
        configs = [run.config for run in self.runs]
        ensemble = {"ensemble": [str(run.path) for run in self.runs]} if len(configs) > 1 else {}
        return ensemble | {
            "data": self.data.config.name,
            "part": self.part,
            "note": self.data.config.note,
            "model": _joined(config["choices"]["model"] for config in configs),
            "method": _joined(config["choices"]["method"] for config in configs),
            "seed": configs[0]["seed"] if len(configs) == 1 else [config["seed"] for config in configs],
            "checkpoint": COLUMN[checkpoint],
            "nsd_tolerance_mm": self._tolerance,
        }

    def _cost(self, trained: Sequence[TrainedNetwork], evaluation: Evaluation) -> dict[str, Any]:
        shape = (1, int(self.data.config.channels or 1), *self.data.patch())
        return {
            "cost": {
                "parameters": sum(parameters(each.net) for each in trained),
                "gmacs": sum(gmacs(each.net, shape) for each in trained),
                "input": list(shape),
                "seconds_per_case": float(np.median(evaluation.seconds)),
                "peak_memory_mb": peak_memory_mb(self.device),
                "device": str(self.device),
                "precision": _joined(str(each.config["trainer"]["precision"]) for each in trained),
            }
        }

    def _draw(
        self,
        predictor: Segmenter,
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
    model = f"ensemble of {len(summary['ensemble'])} {summary['model']}" if "ensemble" in summary else summary["model"]
    title = f"{model} on {summary['data']} ({summary['part']}, {summary['checkpoint']} checkpoint)"
    return render(rows, title, notes)


def _equal(one: TrainedNetwork, two: TrainedNetwork) -> bool:
    state, known = one.net.state_dict(), two.net.state_dict()
    return all(torch.equal(state[key].cpu(), known[key].cpu()) for key in state)


def _joined(names: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(names))


def _dice(summary: Mapping[str, Any]) -> str:
    value = summary["mean"]["dice"]
    return "-" if value is None else f"{value:.3f}"


def _write(output: Path, rows: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    write(output / "cases.csv", rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    RunFolder(output).write_json("summary.json", summary)
