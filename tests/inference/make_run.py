"""Run folders of networks whose masks are known without training."""

from pathlib import Path
from typing import Any

import torch
import yaml

from llmseg.models.build import build_network

THRESHOLD = 500.0
"""Grey value that the networks here tell apart: intensities are scaled from 0..1000 to 0..1."""


def threshold_run(folder: Path, spatial_dims: int, *, channels: int = 1, classes: int = 1, **data: Any) -> Path:
    """A run whose network calls a voxel foreground where the mean of its channels is above THRESHOLD.

    With two classes the second is what is above 1.5 THRESHOLD; as regions (`overlapping`) it lies inside the first.
    """
    overlapping = bool(data.get("overlapping"))
    node = {
        "name": "made", "source": "", "root": "nowhere", "reader": {}, "channels": channels,
        "classes": ["one", "two"][:classes], "intensity": "window", "window": [0, 1000], "crop_foreground": False,
        "image_size": [13, 11], "patch_size": [8, 8, 8], **data,
    }  # fmt: skip
    logits = classes + (classes > 1 and not overlapping)
    model = {
        "_target_": "monai.networks.blocks.Convolution", "spatial_dims": spatial_dims, "in_channels": channels,
        "out_channels": logits, "kernel_size": 1, "conv_only": True,
    }  # fmt: skip
    config = {
        "seed": 0, "model": model, "data": node, "trainer": {"precision": "32"},
        "choices": {"model": "threshold", "data": "made", "method": "supervised"},
    }  # fmt: skip
    net = build_network(model)
    # exclusive classes: lines of slopes 0, 1 and 2 whose upper envelope changes at THRESHOLD and 1.5 THRESHOLD
    slopes, offsets = ([0.0, 1.0, 2.0], [0.0, -0.5, -1.25]) if logits == 3 else ([1.0, 1.0], [-0.5, -0.75])
    state = {
        "conv.weight": torch.tensor(slopes[:logits]).reshape(-1, 1).repeat(1, channels) / channels * 40,
        "conv.bias": torch.tensor(offsets[:logits]) * 40,
    }
    state["conv.weight"] = state["conv.weight"].reshape(net.state_dict()["conv.weight"].shape)
    (folder / "checkpoints").mkdir(parents=True)
    content = {"llmseg": config, "state_dict": {f"net.{key}": value for key, value in state.items()}}
    torch.save(content, folder / "checkpoints" / "last.ckpt")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def blobs(shape: tuple[int, ...], seed: int = 0) -> Any:
    """A smooth scan of 0 to 1000 with some of it above THRESHOLD, float32."""
    from numpy import random
    from scipy import ndimage

    noise = ndimage.gaussian_filter(random.default_rng(seed).normal(size=shape), 2)
    return ((noise - noise.min()) / (noise.max() - noise.min()) * 1000).astype("float32")
