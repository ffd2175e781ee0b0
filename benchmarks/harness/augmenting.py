"""Where the time of an augmentation goes."""

from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from torch import Tensor

from harness.timing import Side, timed
from llmseg.data import appearance, warp
from llmseg.data.config import AugmentConfig


def dearest(image: Tensor, label: Tensor, config: AugmentConfig, count: int = 3) -> str:
    """The steps that take most of the time, in words.

    Args:
        image: a batch (N, C, *spatial).
        label: (N, L, *spatial) uint8.
        config: with all steps.
        count: so many are named.
    """
    spent = seconds(image, label, config)
    whole = sum(spent.values())
    names = sorted(spent, key=spent.__getitem__, reverse=True)[:count]
    return ", ".join(f"{name} {spent[name] / whole:.0%}" for name in names)


def seconds(image: Tensor, label: Tensor, config: AugmentConfig) -> dict[str, float]:
    """Of each step on a batch; those that only some samples undergo by their share."""
    motion = warp.draw(len(image), image.shape[2:], config).split()
    places = [warp.sampling_grid(image[:1], each) for each in motion]
    steps: dict[str, Callable[[], object]] = {
        "places of the voxels": lambda: [warp.sampling_grid(image[:1], each) for each in motion],
        "interpolation (eight neighbours a voxel, which lie apart once a volume is turned)": (
            lambda: [warp.interpolated(image[:1], label[:1], each) for each in places]
        ),
        "contrast and brightness": lambda: appearance.intensity(image, config.intensity),
    }
    some = {
        name.replace("_", " "): partial(getattr(appearance, name), image, getattr(config, name))
        for name in ("gamma", "blur", "low_resolution", "noise", "cutout")
    }
    spent = {name: _seconds(step, image.device) for name, step in steps.items()}
    return spent | {name: config.probability * _seconds(step, image.device) for name, step in some.items()}


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    """Median of five, after one that is not counted."""
    side = Side("", step)
    return median([timed(side, device)[1] for _ in range(6)][1:])
