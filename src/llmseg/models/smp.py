"""The networks of segmentation_models_pytorch (Iakubovskii, 2019)."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any

from torch import Tensor, nn

# given by arguments of our own, or of no use where logits are wanted
_NOT_OPTIONS = {
    "self",
    "encoder_name",
    "encoder_weights",
    "in_channels",
    "classes",
    "activation",
    "aux_params",
    "kwargs",
}


class SMP(nn.Module):
    """An encoder and a decoder of segmentation_models_pytorch; 2D, returns logits on the image's grid.

    Args:
        in_channels: channels of the image; the first convolution is adapted to them.
        out_channels: K, the channels of the logits.
        arch: unet, unetplusplus, manet, linknet, fpn, pspnet, deeplabv3, deeplabv3plus, pan, upernet, segformer, dpt.
        encoder: such as resnet34, efficientnet-b0, mit_b0; `tu-NAME` for any encoder of timm.
        encoder_weights: pretrained weights of the encoder (imagenet), downloaded on first use; None: random ones.
        spatial_dims: 2; there are no 3D networks in that library.
        options: further arguments of the architecture, such as `decoder_channels`.

    Raises:
        ValueError: unknown architecture, encoder, weights or option; spatial_dims is not 2; the weights cannot be had.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        arch: str = "unet",
        encoder: str = "resnet34",
        encoder_weights: str | None = None,
        spatial_dims: int = 2,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if spatial_dims != 2:
            raise ValueError(
                f"segmentation_models_pytorch is two-dimensional: spatial_dims must be 2, not {spatial_dims}"
            )
        import segmentation_models_pytorch as smp  # seconds, and only these networks need it

        _require("arch", arch, smp.MODEL_ARCHITECTURES_MAPPING)
        if not encoder.startswith("tu-"):
            _require("encoder", encoder, smp.encoders.get_encoder_names())
        parameters = signature(smp.MODEL_ARCHITECTURES_MAPPING[arch].__init__).parameters
        for name in options or {}:
            _require("option", name, parameters.keys() - _NOT_OPTIONS)
        try:
            self.net = smp.create_model(
                arch, encoder, encoder_weights, in_channels, classes=out_channels, **dict(options or {})
            )
        except KeyError as error:
            raise ValueError(f"{arch} with encoder {encoder}: {' '.join(str(error).split())}") from error
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"encoder {encoder}, weights {encoder_weights}: {str(error).splitlines()[0]}; "
                "encoder_weights=null needs no download"
            ) from error

    def forward(self, x: Tensor) -> Tensor:
        """Image (N, in_channels, H, W) to logits (N, out_channels, H, W).

        Sides must be multiples of 32 with most encoders; `unet` takes any.

        Raises:
            RuntimeError: the sides do not fit the encoder.
        """
        logits: Tensor = self.net(x)
        return logits


def _require(key: str, name: str, known: Iterable[str]) -> None:
    choices = sorted(known)
    if name in choices:
        return
    near = get_close_matches(name.lower(), choices, 1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(choices)}"
    raise ValueError(f"{key}={name} is unknown to segmentation_models_pytorch: {hint}")
