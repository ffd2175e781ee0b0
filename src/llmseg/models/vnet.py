"""The V-Net that the semi-supervised segmentation literature compares on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn


class VNetDecoder(nn.Module):
    """The way up of V-Net, for networks that differ in how they come by the features or double their size.

    Four stages of 3, 3, 2, 1 convolutions with skips by addition, and a 1x1x1 head. A subclass builds what it has of
    its own, then calls `_build_decoder`.

    Attributes:
        deepest_channels: channels of the deepest features.
        stride: voxels of the image to one of the deepest features, along each axis.
    """

    stride = 16

    def _build_decoder(
        self,
        width: int,
        out_channels: int,
        has_dropout: bool,
        enlarge: Callable[[int, int], nn.Module],
        negative_slope: float = 0.0,
    ) -> None:
        """Append the decoder; `enlarge` makes a layer that doubles the size, from channels before and after."""
        widths = level_widths(width)
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for before, after, convolutions in zip(widths[::-1], widths[-2::-1], (3, 3, 2, 1), strict=False):
            self.up.append(enlarge(before, after))
            self.decoder.append(_convs(after, after, convolutions, negative_slope))
        self.deepest_channels = widths[-1]
        self.dropout_rate = 0.5 if has_dropout else 0.0
        self.head = nn.Conv3d(width, out_channels, kernel_size=1)

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Logits (N, out_channels, X, Y, Z) of the features of five levels, the deepest last."""
        *skips, x = features
        x = self._drop(x)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(up(x) + skips.pop())
        logits: Tensor = self.head(self._drop(x))
        return logits

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout3d(x, self.dropout_rate, training=self.training)

    def _check_size(self, x: Tensor) -> None:
        if any(size < self.stride or size % self.stride for size in x.shape[2:]):
            given = " x ".join(str(size) for size in x.shape[2:])
            raise ValueError(f"input of size {given} does not fit: every side must be a multiple of {self.stride}")


class VNetLike(VNetDecoder, ABC):
    """A network with that decoder and an encoder of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Image (N, in_channels, X, Y, Z), sides multiples of 16, to logits (N, out_channels, X, Y, Z).

        Raises:
            ValueError: a side is not a multiple of 16.
        """
        return self.decode(self.encode(x))

    @abstractmethod
    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of the five levels, the deepest (N, deepest_channels, X / 16, Y / 16, Z / 16) last.

        Raises:
            ValueError: see `forward`.
        """


class VNet(VNetLike):
    """V-Net (Milletari et al., 3DV 2016) as UA-MT (Yu et al., MICCAI 2019) simplified it; returns logits.

    Five levels of 16 to 256 channels with 1, 2, 3, 3, 3 convolutions and 3, 3, 2, 1 on the way up, strided convolutions
    for pooling, skips by addition, no residual connections: 9,448,866 parameters for one channel in and two out.

    Args:
        in_channels: channels of the image.
        out_channels: K, the channels of the logits.
        spatial_dims: 3; there is no V-Net in 2D.
        width: channels of the first level.
        has_dropout: in training, drop half of the channels after the deepest level and before the head.
        negative_slope: of the rectifiers below zero. UA-MT's are plain (0), Milletari's learned theirs. With few
            channels a whole class can be lost to plain ones: docs/semi_supervised.md.

    Raises:
        ValueError: spatial_dims is not 3, a number of channels is not positive, or negative_slope not from 0 to 1.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        spatial_dims: int = 3,
        width: int = 16,
        has_dropout: bool = True,
        negative_slope: float = 0.0,
    ) -> None:
        super().__init__()
        check_arguments(spatial_dims, in_channels, out_channels, width)
        if not 0 <= negative_slope <= 1:
            raise ValueError(f"negative_slope must lie from 0 to 1, not be {negative_slope:g}")
        self.negative_slope = negative_slope
        widths = level_widths(width)
        self.encoder = nn.ModuleList([_convs(in_channels, width, 1, negative_slope)])
        self.down = nn.ModuleList()
        for before, after, convolutions in zip(widths, widths[1:], (2, 3, 3, 3), strict=False):
            self.down.append(norm_relu(nn.Conv3d(before, after, kernel_size=2, stride=2), after, negative_slope))
            self.encoder.append(_convs(after, after, convolutions, negative_slope))
        enlarge = partial(up_convolution, negative_slope=negative_slope)
        self._build_decoder(width, out_channels, has_dropout, enlarge, negative_slope)

    def encode(self, x: Tensor) -> list[Tensor]:
        """See `VNetLike`."""
        self._check_size(x)
        features = [self.encoder[0](x)]
        for down, block in zip(self.down, self.encoder[1:], strict=True):
            features.append(block(down(features[-1])))
        return features


def check_arguments(spatial_dims: int, in_channels: int, out_channels: int, width: int) -> None:
    """Refuse what no V-Net can be built from.

    Raises:
        ValueError: spatial_dims is not 3, or a number of channels is not positive.
    """
    if spatial_dims != 3:
        raise ValueError(f"V-Net is three-dimensional: spatial_dims must be 3, not {spatial_dims}")
    if min(in_channels, out_channels, width) < 1:
        raise ValueError("in_channels, out_channels and width must be at least 1")


def level_widths(width: int) -> list[int]:
    """Channels of the five levels, doubled from one to the next."""
    return [width * 2**level for level in range(5)]


def up_convolution(before: int, after: int, negative_slope: float = 0.0) -> nn.Module:
    """V-Net's own way to double the size: a transposed convolution, batch norm, rectifier."""
    return norm_relu(nn.ConvTranspose3d(before, after, kernel_size=2, stride=2), after, negative_slope)


def _convs(in_channels: int, out_channels: int, convolutions: int, negative_slope: float) -> nn.Sequential:
    layers = []
    for _ in range(convolutions):
        convolution = nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1)
        layers.append(norm_relu(convolution, out_channels, negative_slope))
        in_channels = out_channels
    return nn.Sequential(*layers)


def norm_relu(layer: nn.Module, channels: int, negative_slope: float = 0.0) -> nn.Sequential:
    """A layer, batch norm of its output's channels, ReLU, or a leaky one."""
    rectifier = nn.LeakyReLU(negative_slope, inplace=True) if negative_slope else nn.ReLU(inplace=True)
    return nn.Sequential(layer, nn.BatchNorm3d(channels), rectifier)
