"""Findings in, impression out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from omegaconf import DictConfig

from llmseg.cli import build
from llmseg.cli.score_reports import ReportScorer, writer_name
from llmseg.cli.tasks.base import Task
from llmseg.cli.tasks.making import make_method, make_model
from llmseg.cli.typed import as_typed
from llmseg.data.reports.config import ReportsConfig
from llmseg.data.reports.datamodule import ReportData
from llmseg.errors import ConfigError, UserError
from llmseg.evaluation.reports import radeval
from llmseg.evaluation.reports.baselines import BASELINES
from llmseg.language.writing import Generation
from llmseg.methods import report
from llmseg.models.reporter import Reporter
from llmseg.runs import RunFolder

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData


class Reporting(Task):
    """Language models that write reports."""

    def complete(self, cfg: DictConfig) -> None:
        """See Task."""
        for key in ("file", "val_file", "test_file"):
            if cfg.data[key] is not None:
                cfg.data[key] = str(Path(cfg.data[key]).expanduser().absolute())
        if cfg.data.language is None:
            cfg.data.language = report_data(build.plain(cfg.data), cfg.seed).language
        build.complete_hardware(cfg.trainer)
        self.check(build.plain(cfg))

    def check(self, config: Mapping[str, Any]) -> None:
        """See Task."""
        Generation(**config["generation"])
        evaluation = config["evaluation"]
        if writer_name(config) in BASELINES:
            raise ConfigError(f"llm.pretrained={config['llm']['pretrained']}: has the name of a baseline; rename it")
        for name in evaluation["baselines"]:
            if name not in BASELINES:
                raise ConfigError(f"evaluation.baselines: no baseline {name!r}; choose from {', '.join(BASELINES)}")
        if evaluation["limit"] is not None and evaluation["limit"] < 1:
            raise ConfigError(f"evaluation.limit={evaluation['limit']}: give 1 or more, or null for all")
        if evaluation["radeval"] and not radeval.is_available():
            raise UserError("evaluation.radeval needs the package RadEval: pip install RadEval, or give null")

    def data(self, config: Mapping[str, Any]) -> "TrainingData":
        """See Task."""
        return cast("TrainingData", report_data(config["data"], config["seed"]))

    def method(self, config: Mapping[str, Any], data: "TrainingData") -> report.Reporting:
        """See Task; what is too long for the model leaves the training here."""
        net: Reporter = make_model(config, "llm")
        assert isinstance(data, ReportData)
        self._restrict(net, data)
        made: report.Reporting = make_method(config, net)
        return made

    def _restrict(self, net: Reporter, data: ReportData) -> None:
        """Leave out what is too long, and count it, or what will be shortened."""
        for part in data.training_parts:
            if long := data.restrict(part, net.fits):
                data.left_out["data.max_length"] += long
            data.shortened += sum(net.length(each) > net.max_length for each in data.part(part)) if net.cuts else 0
        if not data.part("train"):
            raise ConfigError(f"data.max_length={net.max_length}: no training report is as short; allow more")

    def describe(self, config: Mapping[str, Any], data: "TrainingData") -> str:
        """See Task."""
        assert isinstance(data, ReportData)
        unused = [f"{count} reports left out by {why}" for why, count in data.left_out.items()]
        unused += [f"{data.shortened} reports shortened to data.max_length"] if data.shortened else []
        how = f"{config['choices']['peft']}, prompt {config['prompt']['name']}"
        about = f"{config['llm']['pretrained']} ({how}) on {data.config.name}"
        return f"{about} ({', '.join(unused)})" if unused else about

    def score(
        self, config: Mapping[str, Any], run: RunFolder, data: "TrainingData", device: torch.device
    ) -> dict[str, Any]:
        """See Task."""
        assert isinstance(data, ReportData)
        return ReportScorer(run, data, config, device)(run.path)


def report_data(node: Mapping[str, Any], seed: int) -> ReportData:
    """The data module of a plain `data` node."""
    return ReportData(as_typed(ReportsConfig, node), seed)
