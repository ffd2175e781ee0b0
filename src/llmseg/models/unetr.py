"""MONAI's UNETR, ready to be trained on several devices."""

from collections.abc import Sequence

from monai.networks.nets.unetr import UNETR as _UNETR


class UNETR(_UNETR):
    """UNETR (Hatamizadeh et al., WACV 2022): a vision transformer as encoder, convolutions as decoder; logits.

    MONAI's transformer blocks carry a normalisation for cross attention that nothing uses here. Its weights are frozen,
    since distributed training fails on weights without a gradient.

    Args:
        in_channels: channels of the image.
        out_channels: K, the channels of the logits.
        img_size: of every input, which the positions are learned for; sides are multiples of 16, at least 32.
        feature_size: channels of the decoder's last level.
        hidden_size: of the transformer's tokens; a multiple of num_heads.
        mlp_dim: of its perceptrons.
        num_heads: of its attention.
        dropout_rate: in the transformer.
        spatial_dims: 2 or 3.

    Raises:
        ValueError: img_size or the numbers do not fit.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        img_size: Sequence[int],
        feature_size: int = 16,
        hidden_size: int = 768,
        mlp_dim: int = 3072,
        num_heads: int = 12,
        dropout_rate: float = 0.0,
        spatial_dims: int = 3,
    ) -> None:
        if any(side < 32 or side % 16 for side in img_size):
            given = " x ".join(map(str, img_size))
            raise ValueError(f"UNETR's input of {given} does not fit: sides must be multiples of 16, at least 32")
        super().__init__(
            in_channels,
            out_channels,
            img_size,
            feature_size,
            hidden_size,
            mlp_dim,
            num_heads,
            dropout_rate=dropout_rate,
            spatial_dims=spatial_dims,
        )
        for name, weight in self.named_parameters():
            if "norm_cross_attn" in name:
                weight.requires_grad_(False)
