"""Further decoders beside a V-Net's own, whose disagreement MC-Net+ trains on."""

from functools import partial

from torch import Tensor, nn

from llmseg.models.vnet import VNet, VNetDecoder, norm_relu

_MODES = ("trilinear", "nearest")


class UpsamplingDecoder(VNetDecoder):
    """V-Net's decoder with interpolation in place of transposed convolutions (MC-Net+, Wu et al., MedIA 2022).

    MC-Net+ has one encoder and three decoders that differ only in how they double the size: the network's own
    (transposed convolution), and two of these, trilinear with aligned corners and nearest neighbour, each followed by a
    3x3x3 convolution to the next width. They serve training only; what is tested is the plain V-Net. Unlike there, each
    decoder draws its own dropout of the deepest features.

    Args:
        net: the V-Net whose features it decodes; it is neither kept nor changed.
        mode: trilinear or nearest.

    Raises:
        ValueError: another mode.
    """

    def __init__(self, net: VNet, mode: str) -> None:
        super().__init__()
        if mode not in _MODES:
            raise ValueError(f"mode={mode}: choose from {', '.join(_MODES)}")
        slope = net.negative_slope
        enlarge = partial(_interpolation, mode, slope)
        self._build_decoder(net.head.in_channels, net.head.out_channels, net.dropout_rate > 0, enlarge, slope)

    def forward(self, features: list[Tensor]) -> Tensor:
        """What `net.encode` gives, five levels, to logits (N, out_channels, X, Y, Z)."""
        return self.decode(features)


def _interpolation(mode: str, negative_slope: float, before: int, after: int) -> nn.Module:
    corners = True if mode == "trilinear" else None
    up = nn.Upsample(scale_factor=2, mode=mode, align_corners=corners)
    return nn.Sequential(up, norm_relu(nn.Conv3d(before, after, kernel_size=3, padding=1), after, negative_slope))
