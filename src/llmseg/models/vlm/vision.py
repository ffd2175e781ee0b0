"""The eye of the compact model: a convolutional encoder that reads one image of one channel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from llmseg.errors import ConfigError


class VisionEncoder(nn.Module):
    """Feature maps of an encoder of segmentation_models_pytorch, or `tu-NAME` of timm, at one depth.

    Args:
        name: such as resnet18, efficientnet-b0, tu-mobilenetv3_small_100.
        depth: number of halvings: the map's side is the image's divided by 2 ** depth.
        weights: pretrained ones (imagenet), downloaded on first use; None: random.
        run: folder of a segmentation run of ours, whose network is of segmentation_models_pytorch, with this encoder
            and one channel: its encoder's weights are taken. Train it on the same patients, or the test leaks.

    Attributes:
        channels: C of the map.

    Raises:
        ConfigError: no such encoder, its weights cannot be had, or the run's network is another one.
    """

    def __init__(
        self, name: str = "resnet18", depth: int = 4, weights: str | None = None, run: str | None = None
    ) -> None:
        super().__init__()
        self._learns = True
        from segmentation_models_pytorch.encoders import get_encoder  # seconds, and only this needs it

        try:
            self.net = get_encoder(name, in_channels=1, depth=depth, weights=None if run else weights)
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"vlm.vision.name={name}: {' '.join(str(error).split())[:200]}") from error
        self.channels = int(self.net.out_channels[-1])
        _drop_unused(self.net)
        if run is not None:
            _take(self.net, Path(run).expanduser(), name)

    def learn(self, is_wanted: bool) -> "VisionEncoder":
        """Whether its weights are trained; those that no output depends on never are."""
        for weights in self.net.parameters():
            weights.requires_grad_(is_wanted and weights.requires_grad)
        self._learns = is_wanted
        return self.train(self.training)

    def train(self, mode: bool = True) -> "VisionEncoder":
        """As of any module; an eye that does not learn keeps its batch norm's statistics as well."""
        return super().train(mode and self._learns)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, H, W), from 0 to 1, to a map (N, C, H / 2 ** depth, W / 2 ** depth)."""
        maps: Sequence[Tensor] = self.net((x - 0.5) / 0.25)
        return maps[-1]


def pictures(images: Sequence[NDArray[np.uint8]], side: int, device: torch.device) -> Tensor:
    """Images (H_i, W_i) of 8 bits as one tensor (N, 1, side, side) from 0 to 1."""
    resized = []
    for image in images:
        values = torch.from_numpy(np.array(image)).to(device).float()[None, None] / 255
        resized.append(F.interpolate(values, (side, side), mode="bilinear", align_corners=False, antialias=True))
    return torch.cat(resized)


def _drop_unused(net: nn.Module) -> None:
    """Freeze what no output depends on: encoders keep the stages below the depth that was asked for."""
    image = torch.zeros(1, 1, 64, 64)  # drawn at random, it would move the generator that all later weights come from
    was = net.training
    net.eval()(image)[-1].sum().backward()
    for weights in net.parameters():
        weights.requires_grad_(weights.grad is not None)
        weights.grad = None
    net.train(was)


def _take(net: nn.Module, run: Path, name: str) -> None:
    """Copy the weights of a run's encoder, as deep as `net` is."""
    from llmseg.models.smp import SMP
    from llmseg.runs import load

    trained = load(run)
    model = trained.config["model"]
    if not isinstance(trained.net, SMP) or model["encoder"] != name:
        found = f"encoder {model['encoder']}" if isinstance(trained.net, SMP) else "no network of model=smp"
        raise ConfigError(f"vlm.vision.run={run}: {found}; train model=smp model.encoder={name}, or change the name")
    weights = trained.net.net.encoder.state_dict()
    own = net.state_dict()
    unfit = [key for key in own if key not in weights or weights[key].shape != own[key].shape]
    if unfit:
        raise ConfigError(
            f"vlm.vision.run={run}: {unfit[0]} does not fit; the network must have one channel (such as "
            "'data.modalities=[flair]')"
        )
    with torch.no_grad():
        net.load_state_dict({key: weights[key] for key in own})
