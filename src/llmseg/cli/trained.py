"""Trained runs on the command line: one, or several as an ensemble."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from llmseg.cli.typed import as_typed
from llmseg.data.config import DataConfig
from llmseg.data.preprocessing import Recipe
from llmseg.errors import ConfigError
from llmseg.inference.predictor import Ensemble, Predictor, Segmenter
from llmseg.inference.windows import WEIGHTS
from llmseg.runs import TrainedNetwork


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
