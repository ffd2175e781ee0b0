"""Trained runs on the command line: one, or several as an ensemble."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import ListConfig

from llmseg.cli.typed import as_typed
from llmseg.data.config import DataConfig
from llmseg.data.preprocessing import Recipe
from llmseg.errors import ConfigError
from llmseg.inference.predictor import Ensemble, Predictor, Segmenter
from llmseg.inference.windows import WEIGHTS
from llmseg.runs import RunFolder, TrainedNetwork

PREPROCESSING = (
    "orientation",
    "spacing",
    "intensity",
    "window",
    "crop_foreground",
    "slice_axis",
    "image_size",
    "patch_size",
)
"""Keys of `data` that belong to the trained network, whatever data set it is shown."""
NO_CHOICE = {"fold": None, "labelled": None, "labelled_seed": None, "labelled_val": 0}
"""Keys of `data` beside a run's own split.json, which has made these choices."""
_OUTPUTS = ("channels", "modalities", "classes", "overlapping")
_ONLY = {"slice_axis": 2, "image_size": 2, "patch_size": 3}  # keys that only 2D or 3D networks have a use for


_OTHERS = {"grounding": "boxes", "report": "reports, which chat.py and app.py use"}


def open_runs(run: Any) -> tuple[RunFolder, ...]:
    """The run folders that `run=...` or `run=[...,...]` names, checked to be alike.

    Raises:
        ConfigError: none, or two that cannot be an ensemble: they differ in channels, classes or preprocessing.
        UserError: no run folder.
    """
    names = list(run) if isinstance(run, list | tuple | ListConfig) else [run]
    if not names:
        raise ConfigError("run=[]: name at least one run folder")
    runs = tuple(RunFolder.open(Path(str(name)).expanduser()) for name in names)
    for each in runs:
        task = str(each.config.get("task") or "segmentation")
        if task != "segmentation":
            raise ConfigError(f"run={each.path}: a run of {_OTHERS.get(task, task)}; this is for runs of segmentation")
    first, *others = runs
    known = _facts(first.config)
    for other in others:
        for key, value in _facts(other.config).items():
            if value != known.get(key):
                raise ConfigError(
                    f"run: {key} is {value} in {other.path} and {known.get(key)} in {first.path}: an ensemble needs "
                    "runs that differ in fold, seed or network only"
                )
    return runs


def segmenter(
    trained: Iterable[TrainedNetwork],
    recipe: Recipe,
    patch_size: Sequence[int],
    device: torch.device,
    overlap: float = 0.5,
    flips: bool = False,
    weights: str = "gaussian",
    stride: Sequence[int] | None = None,
) -> Segmenter:
    """A predictor of one trained network, or the ensemble of several; arguments as of `Predictor`."""
    windows: dict[str, Any] = {"overlap": overlap, "weights": weights, "stride": stride}
    members = [
        Predictor(
            each.net,
            recipe,
            patch_size,
            precision=str(each.config["trainer"]["precision"]),
            device=device,
            flips=flips,
            **windows,
        )
        for each in trained
    ]
    return members[0] if len(members) == 1 else Ensemble(members)


def check_windows(evaluation: Mapping[str, Any], spatial_dims: int, patch_size: Sequence[int]) -> None:
    """Refuse a sliding window that cannot be, before anything is trained; 2D networks have none.

    Args:
        evaluation: the node of that name.
        spatial_dims: of the network.
        patch_size: of a 3D network.

    Raises:
        ConfigError: no such weights, or a stride that leaves gaps between patches.
    """
    weights, stride = evaluation.get("weights", WEIGHTS[0]), evaluation.get("stride")
    if weights not in WEIGHTS:
        raise ConfigError(f"evaluation.weights={weights}: choose from {', '.join(WEIGHTS)}")
    if stride is None or spatial_dims == 2:
        return
    if len(stride) != 3 or any(not 1 <= step <= side for step, side in zip(stride, patch_size, strict=True)):
        raise ConfigError(
            f"evaluation.stride={list(stride)}: give three numbers of voxels, each from 1 to data.patch_size="
            f"{list(patch_size)}"
        )


def data_config(config: Mapping[str, Any]) -> DataConfig:
    """The typed `data` node of a run's configuration."""
    return as_typed(DataConfig, config["data"])


def _facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """What runs of an ensemble must share."""
    dims = config["model"]["spatial_dims"]
    keys = [key for key in (*_OUTPUTS, *PREPROCESSING) if _ONLY.get(key, dims) == dims]
    return {"model.spatial_dims": dims} | {f"data.{key}": config["data"].get(key) for key in keys}
