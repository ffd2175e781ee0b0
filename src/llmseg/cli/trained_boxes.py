"""Boxes from runs: of box models as they were trained, and around the masks of segmentation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from llmseg.cli import build
from llmseg.cli.trained import segmenter
from llmseg.cli.trained_model import rebuild
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.evaluation.boxes.from_masks import boxes_from_masks
from llmseg.models.vlm.base import BoxModel
from llmseg.runs import RunFolder, load_all


def load_boxes(run: RunFolder, checkpoint: str = "last") -> BoxModel:
    """Rebuild the model of a run in evaluation mode on the CPU: what was not trained is read from where it came from.

    Raises:
        UserError: no such checkpoint, one that does not fit, or a language model that cannot be had any more.
    """
    model: BoxModel = rebuild(run, checkpoint, "vlm", _without_source)
    return model


def _without_source(vlm: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node without the place that a trained eye's first weights came from: the checkpoint has its own."""
    if not vlm.get("train_vision") or "vision" not in vlm:
        return vlm
    return {**vlm, "vision": {**vlm["vision"], "run": None, "weights": None}}


def boxes_of_run(run: RunFolder, samples: Sequence[Sample], device: torch.device) -> list[Boxes]:
    """The box around what a segmentation run's last network finds on each slice.

    Raises:
        UserError: the run's data are not those that the slices were made from.
    """
    config = run.config
    cache = Path(config["paths"]["cache"])
    data = build.build_data(config["data"], config["model"]["spatial_dims"], cache, config["seed"])
    wanted = {sample.record.case for sample in samples}
    cases = {each.case.id: each for each in data.part("test") if each.case.id in wanted}
    evaluation = config["evaluation"]
    windows = {key: evaluation[key] for key in ("overlap", "weights", "stride") if key in evaluation}
    net = segmenter(load_all(run.path), data.recipe, data.patch(), device, **windows)
    return boxes_from_masks(net, cases, samples)
