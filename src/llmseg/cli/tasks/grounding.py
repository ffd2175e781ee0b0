"""Slices in, boxes out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from omegaconf import DictConfig, OmegaConf

from llmseg.cli import build
from llmseg.cli.score_boxes import BoxScorer
from llmseg.cli.tasks.base import Task
from llmseg.cli.tasks.making import make_method, make_model
from llmseg.cli.typed import as_typed
from llmseg.data.boxes.config import BoxesConfig
from llmseg.data.boxes.datamodule import BoxData
from llmseg.data.boxes.records import read_records, summary_file
from llmseg.data.boxes.sample import Record
from llmseg.errors import ConfigError
from llmseg.evaluation.boxes.controls import CONTROLS
from llmseg.language import prompts
from llmseg.methods import grounding
from llmseg.runs import RunFolder
from llmseg.runs.unseen import unseen_run

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData


class Grounding(Task):
    """Models that answer with boxes, on summary.jsonl."""

    def complete(self, cfg: DictConfig) -> None:
        """See Task."""
        cfg.data.root = str(Path(cfg.data.root).expanduser().absolute())
        records = read_records(summary_file(Path(cfg.data.root)))
        if cfg.data.sequences is None:
            cfg.data.sequences = list(dict.fromkeys(name for record in records for name in record.images))
        cfg.data.plane = _plane(records, cfg.data.plane)
        self._find_runs(cfg)
        build.complete_hardware(cfg.trainer)
        self.check(build.plain(cfg))

    def _find_runs(self, cfg: DictConfig) -> None:
        """Settle on the runs that weights and masks are taken from: they must not have seen the test cases."""
        wanted = {key: OmegaConf.select(cfg, key) for key in ("vlm.vision.run", "evaluation.masks")}
        given = {key: Path(folder).expanduser() for key, folder in wanted.items() if folder is not None}
        held_out = self._held_out(cfg) if given else {}
        for key, folder in given.items():
            OmegaConf.update(cfg, key, str(unseen_run(folder, held_out, key).path.absolute()))

    def _held_out(self, cfg: DictConfig) -> dict[str, str]:
        """Test cases and their patients."""
        data = box_data(build.plain(cfg.data), cfg.seed)
        data.prepare(())
        assert data.split is not None
        return {id_: data.patients[id_] for id_ in data.split.test}

    def check(self, config: Mapping[str, Any]) -> None:
        """See Task."""
        evaluation = config["evaluation"]
        for name in evaluation["controls"]:
            if name not in CONTROLS:
                raise ConfigError(f"evaluation.controls: no control {name!r}; choose from {', '.join(CONTROLS)}")
        if evaluation["batch_size"] < 1:
            raise ConfigError(f"evaluation.batch_size={evaluation['batch_size']}: give 1 or more")
        is_fixed = prompts.is_fixed(str(config["vlm"].get("prompt") or ""))
        if is_fixed and evaluation["ablate"] and len(config["data"]["sequences"]) > 1:
            raise ConfigError(
                f"vlm.prompt: no sequence can be missing from fixed places; write {prompts.ALL}, or "
                "evaluation.ablate=false"
            )
        if is_fixed and config["method"].get("drop_sequences"):
            raise ConfigError(f"vlm.prompt: fixed places; write {prompts.ALL}, or method.drop_sequences=0")

    def data(self, config: Mapping[str, Any]) -> "TrainingData":
        """See Task."""
        return cast("TrainingData", box_data(config["data"], config["seed"]))

    def method(self, config: Mapping[str, Any], data: "TrainingData") -> grounding.Grounding:
        """See Task."""
        made: grounding.Grounding = make_method(config, make_model(config, "vlm"))
        return made

    def describe(self, config: Mapping[str, Any], data: "TrainingData") -> str:
        """See Task."""
        return f"{config['choices']['vlm']} on {data.config.name} ({', '.join(config['data']['sequences'])})"

    def score(
        self, config: Mapping[str, Any], run: RunFolder, data: "TrainingData", device: torch.device
    ) -> dict[str, Any]:
        """See Task."""
        assert isinstance(data, BoxData)
        return BoxScorer(run, data, config, device)(run.path)


def _plane(records: Sequence[Record], wanted: str | None) -> str:
    """The plane of all slices.

    Raises:
        ConfigError: they are of several, or of another one than was said.
    """
    planes = sorted({record.plane for record in records})
    if len(planes) > 1:
        raise ConfigError(f"data.root: the slices are {' and '.join(planes)}; make a folder of each plane")
    if wanted not in (None, planes[0]):
        raise ConfigError(f"data.plane={wanted}: the slices are {planes[0]}")
    return planes[0]


def box_data(node: Mapping[str, Any], seed: int) -> BoxData:
    """The data module of a plain `data` node."""
    return BoxData(as_typed(BoxesConfig, node), seed)
