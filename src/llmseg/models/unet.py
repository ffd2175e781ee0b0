"""One U-Net with enough settings to be, exactly, each network that the studied LLMs wrote."""

from collections.abc import Sequence

from torch import Tensor, nn

from llmseg.models.blocks import (
    CONV,
    CONV_TRANSPOSE,
    DROPOUT,
    MAX_POOL,
    UpBlock,
    conv_block,
)
from llmseg.models.wiring import DecoderMid, Head, Skip, SkipSource, Up, Wiring


class UNet(nn.Module):
    """U-Net (Ronneberger et al., MICCAI 2015) and its LLM-written relatives; returns logits.

    With its defaults it is the canonical one: five blocks of two 3x3 convolutions with batch norm and ReLU, 2x2 max
    pooling, up-convolutions, concatenated skips, a 1x1 head. The networks of the study
    (github.com/ankilab/LLM_based_Segmentation) are one file each in conf/model. A final sigmoid is no part of them.

    Some LLMs narrowed their decoder to the single output channel of a binary task; such a width is written null and is
    `out_channels`, so that the network is exactly theirs for one channel and has one map a class for more.

    Args:
        in_channels: channels of the image.
        out_channels: K, the channels of the logits.
        spatial_dims: 2 or 3; in 3D the same wiring has three-dimensional layers (bilinear becomes trilinear).
        repaired: apply the smallest change that makes a faulty wiring a proper U-Net (see `Wiring.repaired`); a sound
            network stays as it is.
        width: channels of the first block, doubled at each further one; 64 by default. Not together with `widths`.
        depth: how often the width is doubled; 4 by default. Not together with `widths`.
        widths: channels of each encoder block; the last one is the bottleneck.
        decoder_widths: channels of each decoder stage, deepest first; default: `widths` backwards, less the bottleneck.
        encoder_convs: convolutions in an encoder block.
        decoder_convs: convolutions in a decoder stage; below 2 the up-convolution gets norm and ReLU as well.
        decoder_mid: channels between the convolutions of a decoder stage: out (as its output) or half_in.
        norm: batch norm after each convolution.
        bias: of the 3x3 convolutions.
        padding: of the 3x3 convolutions, 1 or 0.
        up: transpose (learnt, 2x2, stride 2) or linear (interpolation with aligned corners; channels stay).
        skip: how skips join: up_skip or skip_up (concatenated in this order), add (after the stage), or none.
        skip_source: pre_pool; post_pool (before concatenation the upsampled map is resized to it); or top_left_crop
            (pre_pool, but cut to the upsampled map's size at the first corner, hence misaligned).
        pools: poolings, one after each of the first blocks; default: after each block but the last.
        dropout: share of whole channels dropped after the last encoder block, in training.
        head: conv (1x1), transpose (up-convolution that doubles the size once more), or none.
        pad_up: pad the upsampled map with zeros to its skip, so that any input size works.

    Raises:
        ValueError: a setting has no such choice, or the settings together cannot make a network.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        spatial_dims: int = 2,
        repaired: bool = False,
        width: int | None = None,
        depth: int | None = None,
        widths: Sequence[int] | None = None,
        decoder_widths: Sequence[int | None] | None = None,
        encoder_convs: int = 2,
        decoder_convs: int = 2,
        decoder_mid: DecoderMid = "out",
        norm: bool = True,
        bias: bool = True,
        padding: int = 1,
        up: Up = "transpose",
        skip: Skip = "up_skip",
        skip_source: SkipSource = "pre_pool",
        pools: int | None = None,
        dropout: float = 0.0,
        head: Head = "conv",
        pad_up: bool = False,
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims must be 2 or 3, not {spatial_dims}")
        if in_channels < 1:
            raise ValueError(f"in_channels must be at least 1, not {in_channels}")
        encoder_widths = _encoder_widths(width, depth, widths)
        if decoder_widths is None:
            decoder_widths = encoder_widths[-2::-1]
        wiring = Wiring(
            out_channels=out_channels,
            widths=encoder_widths,
            decoder_widths=tuple(out_channels if width is None else width for width in decoder_widths),
            encoder_convs=encoder_convs,
            decoder_convs=decoder_convs,
            decoder_mid=decoder_mid,
            norm=norm,
            bias=bias,
            padding=padding,
            up=up,
            skip=skip,
            skip_source=skip_source,
            pools=len(encoder_widths) - 1 if pools is None else pools,
            dropout=dropout,
            head=head,
            pad_up=pad_up,
        )
        self.wiring = wiring.repaired() if repaired else wiring
        self.spatial_dims = spatial_dims
        self._build(in_channels)

    def _build(self, in_channels: int) -> None:
        wiring, dims = self.wiring, self.spatial_dims
        self.encoder = nn.ModuleList()
        for width in wiring.widths:
            channels = [in_channels, *[width] * wiring.encoder_convs]
            self.encoder.append(conv_block(dims, channels, norm=wiring.norm, bias=wiring.bias, padding=wiring.padding))
            in_channels = width
        self.pool = MAX_POOL[dims](2)
        self.dropout = DROPOUT[dims](wiring.dropout)
        self.decoder = nn.ModuleList()
        for stage, width in enumerate(wiring.decoder_widths):
            self.decoder.append(UpBlock(dims, in_channels, stage, wiring))
            in_channels = width
        self.head: nn.Module = nn.Identity()
        if wiring.head == "conv":
            self.head = CONV[dims](in_channels, wiring.out_channels, kernel_size=1)
        elif wiring.head == "transpose":
            self.head = CONV_TRANSPOSE[dims](in_channels, wiring.out_channels, kernel_size=2, stride=2)

    def output_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Spatial size of the logits for an input of spatial size `size`.

        Raises:
            ValueError: such an input does not go through the network; says which sizes do.
        """
        try:
            return tuple(self.wiring.output_size(axis) for axis in size)
        except ValueError:
            given = " x ".join(str(axis) for axis in size)
            raise ValueError(f"input of size {given} does not fit: {self.wiring.explain_misfit()}") from None

    def forward(self, x: Tensor) -> Tensor:
        """Image (N, in_channels, *spatial) to logits (N, out_channels, *output_size(spatial)).

        Raises:
            ValueError: the spatial size does not fit the network.
        """
        self.output_size(x.shape[2:])
        skips: list[Tensor] = []
        for index, block in enumerate(self.encoder):
            features = block(x)
            x = self.pool(features) if index < self.wiring.pools else features
            skips.append(x if self.wiring.skip_source == "post_pool" else features)
        x = self.dropout(x)
        for stage, up_block in enumerate(self.decoder):
            source = self.wiring.skip_index(stage)
            x = up_block(x, None if source is None else skips[source])
        return self.head(x)


def _encoder_widths(width: int | None, depth: int | None, widths: Sequence[int] | None) -> tuple[int, ...]:
    if widths is None:
        depth = 4 if depth is None else depth
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        return tuple((64 if width is None else width) * 2**level for level in range(depth + 1))
    if width is not None or depth is not None:
        raise ValueError("give either widths, or width and depth, not both")
    return tuple(widths)
