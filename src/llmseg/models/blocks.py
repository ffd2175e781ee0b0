"""The two building blocks of every U-Net here, in two and three dimensions."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llmseg.models.wiring import Wiring

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
CONV_TRANSPOSE = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
DROPOUT = {2: nn.Dropout2d, 3: nn.Dropout3d}
LINEAR = {2: "bilinear", 3: "trilinear"}


def conv_block(dims: int, channels: list[int], *, norm: bool, bias: bool, padding: int) -> nn.Sequential:
    """Convolutions 3x3(x3), each followed by batch norm (if `norm`) and ReLU.

    Args:
        dims: 2 or 3.
        channels: of the input and after each convolution; one more entry than there are convolutions.
        norm: whether there is batch norm.
        bias: of the convolutions.
        padding: 1 keeps the size, 0 takes two pixels off every axis and convolution.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers.append(CONV[dims](before, after, kernel_size=3, padding=padding, bias=bias))
        layers += _norm_relu(dims, after, norm)
    return nn.Sequential(*layers)


def _norm_relu(dims: int, channels: int, norm: bool) -> list[nn.Module]:
    return [*([BATCH_NORM[dims](channels)] if norm else []), nn.ReLU(inplace=True)]


class UpBlock(nn.Module):
    """One stage of the decoder: double the size, merge the skip connection, convolve.

    Args:
        dims: 2 or 3.
        in_channels: of the features from below.
        stage: index of the stage, deepest first; picks its widths from `wiring`.
        wiring: how the network is wired.
    """

    def __init__(self, dims: int, in_channels: int, stage: int, wiring: Wiring) -> None:
        super().__init__()
        self.wiring = wiring
        self.mode = LINEAR[dims]
        out = wiring.decoder_widths[stage]
        self.up = self._make_up(dims, in_channels, out)
        channels = out if wiring.up == "transpose" else in_channels
        if wiring.concatenates:
            channels += wiring.skip_width(stage)
        mid = out if wiring.decoder_mid == "out" else channels // 2
        widths = [channels, *[mid] * (wiring.decoder_convs - 1), out] if wiring.decoder_convs else [channels]
        self.block = conv_block(dims, widths, norm=wiring.norm, bias=wiring.bias, padding=wiring.padding)

    def _make_up(self, dims: int, in_channels: int, out: int) -> nn.Module:
        if self.wiring.up == "linear":
            return nn.Upsample(scale_factor=2, mode=self.mode, align_corners=True)
        up = CONV_TRANSPOSE[dims](in_channels, out, kernel_size=2, stride=2)
        # below two convolutions the up-convolution stands in for a missing one, with norm and ReLU of its own
        return up if self.wiring.decoder_convs >= 2 else nn.Sequential(up, *_norm_relu(dims, out, self.wiring.norm))

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """Features (N, C, *spatial) and the skip connection, or None, to features of about twice the size."""
        x = self.up(x)
        if skip is not None and self.wiring.concatenates:
            x = self._concatenate(x, skip)
        x = self.block(x)
        return x + skip if skip is not None and self.wiring.skip == "add" else x

    def _concatenate(self, x: Tensor, skip: Tensor) -> Tensor:
        if self.wiring.pad_up:
            x = _pad_to(x, skip)
        elif self.wiring.skip_source == "top_left_crop":
            corner = tuple(slice(size) for size in x.shape[2:])
            skip = skip[:, :, *corner]
        elif self.wiring.skip_source == "post_pool" and x.shape[2:] != skip.shape[2:]:
            x = F.interpolate(x, size=skip.shape[2:], mode=self.mode, align_corners=True)
        return torch.cat([x, skip] if self.wiring.skip == "up_skip" else [skip, x], dim=1)


def _pad_to(x: Tensor, skip: Tensor) -> Tensor:
    """Zero-pad (or, where it is larger, crop) x around its centre to the size of skip."""
    pads: list[int] = []
    for axis in range(x.dim() - 1, 1, -1):  # F.pad counts from the last axis
        missing = skip.shape[axis] - x.shape[axis]
        pads += [missing // 2, missing - missing // 2]
    return F.pad(x, pads)
