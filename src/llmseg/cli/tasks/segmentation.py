"""Images in, masks out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from omegaconf import DictConfig

from llmseg.cli import build
from llmseg.cli.score import Scorer
from llmseg.cli.tasks.base import Task
from llmseg.cli.trained import check_windows
from llmseg.data.datamodule import SegmentationData
from llmseg.methods.base import SegmentationMethod
from llmseg.runs import RunFolder

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData


class Segmentation(Task):
    """Networks on the data sets of conf/data, 2D and 3D, supervised or not."""

    def complete(self, cfg: DictConfig) -> None:
        """See Task."""
        build.complete(cfg)

    def check(self, config: Mapping[str, Any]) -> None:
        """See Task."""
        build.check_checkpoints(config["evaluation"]["checkpoints"])
        check_windows(config["evaluation"], config["model"]["spatial_dims"], config["data"]["patch_size"])

    def data(self, config: Mapping[str, Any]) -> "TrainingData":
        """See Task."""
        return cast("TrainingData", build.build_training_data(config))

    def method(self, config: Mapping[str, Any], data: "TrainingData") -> SegmentationMethod:
        """See Task."""
        cases = _own(data)
        return build.build_method(config, build.build_net(config, cases), cases)

    def describe(self, config: Mapping[str, Any], data: "TrainingData") -> str:
        """See Task."""
        name = config["choices"]["method"]
        method = "" if name == "supervised" else f", {name}"
        repaired = ", repaired" if config["model"].get("repaired") else ""
        what = f"{config['model']['spatial_dims']}D{repaired}{method}"
        return f"{config['choices']['model']} ({what}) on {data.config.name}"

    def score(
        self, config: Mapping[str, Any], run: RunFolder, data: "TrainingData", device: torch.device
    ) -> dict[str, Any]:
        """See Task."""
        return Scorer((run,), _own(data), "test", config["evaluation"], device)(run.path)


def _own(data: Any) -> SegmentationData:
    assert isinstance(data, SegmentationData)
    return data
