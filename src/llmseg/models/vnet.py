"""The V-Net that the semi-supervised segmentation literature compares on."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class VNet(nn.Module):
    """V-Net (Milletari et al., 3DV 2016) as UA-MT (Yu et al., MICCAI 2019) simplified it; returns logits.

    Five levels of 16 to 256 channels with 1, 2, 3, 3, 3 convolutions and 3, 3, 2, 1 on the way up, strided convolutions
    for pooling, skips by addition, no residual connections: 9,448,866 parameters for one channel in and two out.

    Args:
        in_channels: channels of the image.
        out_channels: K, the channels of the logits.
        spatial_dims: 3; there is no V-Net in 2D.
        width: channels of the first level.
        has_dropout: in training, drop half of the channels after the deepest level and before the head.

    Raises:
        ValueError: spatial_dims is not 3, or a number of channels is not positive.
    """

    stride = 16

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        spatial_dims: int = 3,
        width: int = 16,
        has_dropout: bool = True,
    ) -> None:
        super().__init__()
        if spatial_dims != 3:
            raise ValueError(f"V-Net is three-dimensional: spatial_dims must be 3, not {spatial_dims}")
        if min(in_channels, out_channels, width) < 1:
            raise ValueError("in_channels, out_channels and width must be at least 1")
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList([_convs(in_channels, width, 1)])
        self.down = nn.ModuleList()
        for before, after, convolutions in zip(widths, widths[1:], (2, 3, 3, 3), strict=False):
            self.down.append(_norm_relu(nn.Conv3d(before, after, kernel_size=2, stride=2), after))
            self.encoder.append(_convs(after, after, convolutions))
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for before, after, convolutions in zip(widths[::-1], widths[-2::-1], (3, 3, 2, 1), strict=False):
            self.up.append(_norm_relu(nn.ConvTranspose3d(before, after, kernel_size=2, stride=2), after))
            self.decoder.append(_convs(after, after, convolutions))
        self.deepest_channels = widths[-1]
        self.dropout_rate = 0.5 if has_dropout else 0.0
        self.head = nn.Conv3d(width, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Image (N, in_channels, X, Y, Z), sides multiples of 16, to logits (N, out_channels, X, Y, Z).

        Raises:
            ValueError: a side is not a multiple of 16.
        """
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of the five levels, the deepest (N, deepest_channels, X / 16, Y / 16, Z / 16) last.

        Raises:
            ValueError: see `forward`.
        """
        if any(size < self.stride or size % self.stride for size in x.shape[2:]):
            given = " x ".join(str(size) for size in x.shape[2:])
            raise ValueError(f"input of size {given} does not fit: every side must be a multiple of {self.stride}")
        features = [self.encoder[0](x)]
        for down, block in zip(self.down, self.encoder[1:], strict=True):
            features.append(block(down(features[-1])))
        return features

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of what `encode` gives."""
        *skips, x = features
        x = self._drop(x)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(up(x) + skips.pop())
        logits: Tensor = self.head(self._drop(x))
        return logits

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout3d(x, self.dropout_rate, training=self.training)


def _convs(in_channels: int, out_channels: int, convolutions: int) -> nn.Sequential:
    layers = []
    for _ in range(convolutions):
        layers.append(_norm_relu(nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1), out_channels))
        in_channels = out_channels
    return nn.Sequential(*layers)


def _norm_relu(layer: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(layer, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))
