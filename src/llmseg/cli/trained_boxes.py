"""Boxes from runs: of box models as they were trained, and around the masks of segmentation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from llmseg.cli import build
from llmseg.cli.trained import segmenter
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.errors import UserError
from llmseg.evaluation.boxes.from_masks import boxes_from_masks
from llmseg.models.vlm.base import BoxModel
from llmseg.runs import RunFolder, load_all
from llmseg.runs.checkpoint import reading

_PREFIX = "net."


def load_boxes(run: RunFolder, checkpoint: str = "last") -> BoxModel:
    """Rebuild the model of a run in evaluation mode on the CPU: what was not trained is read from where it came from.

    Raises:
        UserError: no such checkpoint, one that does not fit, or a language model that cannot be had any more.
    """
    from llmseg.cli.tasks.grounding import box_model
    from llmseg.methods.adapted import trained_names

    file = run.checkpoint(checkpoint)
    with reading(file):
        content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        state = {key.removeprefix(_PREFIX): value for key, value in content["state_dict"].items()}
        config = _without_source(content["llmseg"])
    model = box_model(config)
    if missing := sorted(trained_names(model) ^ state.keys()):
        raise UserError(f"{file}: {missing[0]} does not fit the model of its own configuration; was vlm changed?")
    try:
        model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise UserError(f"{file}: does not fit its language model any more; was that one replaced?") from error
    return model.eval()


def _without_source(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without the place that a trained eye's first weights came from: the checkpoint has its own."""
    vlm = config["vlm"]
    if not vlm.get("train_vision") or "vision" not in vlm:
        return config
    return {**config, "vlm": {**vlm, "vision": {**vlm["vision"], "run": None, "weights": None}}}


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
