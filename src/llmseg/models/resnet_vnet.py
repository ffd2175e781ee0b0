"""A residual encoder with V-Net's decoder: the second network of semi-supervised co-training."""

import torch.nn.functional as F
from torch import Tensor, nn

from llmseg.models.vnet import VNetLike, check_arguments, level_widths, up_convolution

_BLOCKS = (3, 4, 6, 3)


class ResNet34VNet(VNetLike):
    """3D-ResNet34 encoder (He et al., CVPR 2016) with V-Net's decoder, as in MCF (Wang et al., CVPR 2023).

    A 7x7x7 stem at full resolution, then 3, 4, 6 and 3 basic blocks, each stage of twice the channels and half the size
    of the one before; the decoder is that of `VNet`, so that both networks give features of the same shapes. The
    convolutions of the encoder are without bias and start from Kaiming's distribution; the last batch norm of each
    block starts at zero, so that every block starts as its shortcut. 17,930,354 parameters for one channel in, two out.

    Args:
        in_channels: channels of the image.
        out_channels: K, the channels of the logits.
        spatial_dims: 3; there is no V-Net decoder in 2D.
        width: channels of the stem; 16 in MCF.
        has_dropout: in training, drop half of the channels after the deepest level and before the head.

    Raises:
        ValueError: spatial_dims is not 3, or a number of channels is not positive.
    """

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
        check_arguments(spatial_dims, in_channels, out_channels, width)
        widths = level_widths(width)
        stem = nn.Conv3d(in_channels, width, kernel_size=7, padding=3, bias=False)
        self.encoder = nn.ModuleList([nn.Sequential(stem, nn.BatchNorm3d(width), nn.ReLU(inplace=True))])
        for before, after, blocks in zip(widths, widths[1:], _BLOCKS, strict=False):
            later = [BasicBlock(after, after) for _ in range(blocks - 1)]
            self.encoder.append(nn.Sequential(BasicBlock(before, after, stride=2), *later))
        for part in self.encoder.modules():
            if isinstance(part, nn.Conv3d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        self._build_decoder(width, out_channels, has_dropout, up_convolution)

    def encode(self, x: Tensor) -> list[Tensor]:
        """See `VNetLike`."""
        self._check_size(x)
        features = []
        for level in self.encoder:
            x = level(x)
            features.append(x)
        return features


class BasicBlock(nn.Module):
    """Two 3x3x3 convolutions beside a shortcut (He et al., CVPR 2016, fig. 5, left).

    Args:
        in_channels: of the input.
        out_channels: of the output.
        stride: of the first convolution; where the shape changes, the shortcut is a 1x1x1 convolution of that stride.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(out_channels)
        nn.init.zeros_(self.norm2.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv3d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm3d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, in_channels, x, y, z) to (N, out_channels, x / stride, y / stride, z / stride)."""
        inner = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x), inplace=True)
