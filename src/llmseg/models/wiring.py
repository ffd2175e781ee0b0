"""How a U-Net is wired: the settings that tell the LLMs' networks apart, checked and, on request, repaired."""

from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, get_args

DecoderMid = Literal["out", "half_in"]
Up = Literal["transpose", "linear"]
Skip = Literal["up_skip", "skip_up", "add", "none"]
SkipSource = Literal["pre_pool", "post_pool", "top_left_crop"]
Head = Literal["conv", "transpose", "none"]

_CHOICES = {"decoder_mid": DecoderMid, "up": Up, "skip": Skip, "skip_source": SkipSource, "head": Head}


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Everything that decides a U-Net's layers and their connections, apart from its channels in and its dimension.

    The fields mean what `llmseg.models.UNet` says of them; here all defaults are resolved.

    Raises:
        ValueError: a field has no such choice, or the fields together cannot make a network.
    """

    out_channels: int
    widths: tuple[int, ...]
    decoder_widths: tuple[int, ...]
    encoder_convs: int
    decoder_convs: int
    decoder_mid: DecoderMid
    norm: bool
    bias: bool
    padding: int
    up: Up
    skip: Skip
    skip_source: SkipSource
    pools: int
    dropout: float
    head: Head
    pad_up: bool

    def __post_init__(self) -> None:
        """Refuse what cannot work, before any layer is built."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, not {getattr(self, name)!r}")
        self._check_numbers()
        self._check_decoder()
        try:
            self.output_size(2 ** (self.pools + 8))
        except ValueError as error:
            raise ValueError(f"skip connections never fit with these settings: {error}") from None

    def _check_numbers(self) -> None:
        if self.out_channels < 1:
            raise ValueError(f"out_channels must be at least 1, not {self.out_channels}")
        if not self.widths or not self.decoder_widths or min(self.widths + self.decoder_widths) < 1:
            raise ValueError(
                f"widths and decoder_widths must be positive numbers, not {self.widths} and {self.decoder_widths}"
            )
        if not 0 <= self.pools <= len(self.widths):
            raise ValueError(f"pools must be 0 to {len(self.widths)} (one after a block), not {self.pools}")
        if self.encoder_convs < 1 or self.decoder_convs < 0:
            raise ValueError("encoder_convs must be at least 1 and decoder_convs at least 0")
        if self.padding not in (0, 1):
            raise ValueError(f"padding must be 0 or 1, not {self.padding}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout}")

    def _check_decoder(self) -> None:
        if self.decoder_convs == 0 and (self.up == "linear" or self.concatenates):
            raise ValueError("decoder_convs must be at least 1 with linear upsampling or concatenated skips")
        if self.head == "none" and self.decoder_widths[-1] != self.out_channels:
            raise ValueError("without a head the last of decoder_widths must be null, that is, out_channels")
        for stage, width in enumerate(self.decoder_widths):
            added = self.skip_width(stage) if self.skip == "add" else 0
            if added not in (0, width):
                raise ValueError(f"added skips need equal widths: decoder stage {stage} has {width}, its skip {added}")

    @property
    def concatenates(self) -> bool:
        """Whether skips are concatenated (rather than added or missing)."""
        return self.skip in ("up_skip", "skip_up")

    def skip_index(self, stage: int) -> int | None:
        """Encoder block whose features decoder stage `stage` takes; None where there is none."""
        index = len(self.widths) - 2 - stage
        return index if self.skip != "none" and index >= 0 else None

    def skip_width(self, stage: int) -> int:
        """Channels of that skip connection, 0 where there is none."""
        index = self.skip_index(stage)
        return 0 if index is None else self.widths[index]

    def output_size(self, size: int) -> int:
        """Length of an axis after the network, for an input of length `size`.

        Raises:
            ValueError: an input of this length does not go through the network.
        """
        skips = []
        for block in range(len(self.widths)):
            size = features = size - self._lost(self.encoder_convs)
            size = size // 2 if block < self.pools else size
            if size < 1:
                raise ValueError("nothing is left of the image after pooling")
            skips.append(size if self.skip_source == "post_pool" else features)
        for stage in range(len(self.decoder_widths)):
            size *= 2
            index = self.skip_index(stage)
            if index is not None and self.concatenates:
                size = self._merged(size, skips[index])
            size -= self._lost(self.decoder_convs)
            if size < 1:
                raise ValueError("nothing is left of the image after unpadded convolutions")
            if index is not None and self.skip == "add":
                size = _equal(size, skips[index])
        return size * 2 if self.head == "transpose" else size

    def explain_misfit(self) -> str:
        """What an input's sides must be: a multiple of the total stride, or merely large enough."""
        exact = self.skip == "add" or (self.concatenates and self.skip_source == "pre_pool" and not self.pad_up)
        if exact:
            return f"every side must be a multiple of {2**self.pools}"
        return f"every side must be at least {next(size for size in count(1) if self.fits(size))}"

    def fits(self, size: int) -> bool:
        """Whether an axis of length `size` goes through the network."""
        try:
            self.output_size(size)
        except ValueError:
            return False
        return True

    def repaired(self) -> "Wiring":
        """The smallest change that makes this a proper U-Net; a sound network comes back unchanged.

        Proper means: one aligned, full-width skip connection a resolution, the image's own resolution included, and
        logits from a 1x1 convolution of the whole last feature map, on the input's grid. The faults, and who has them:

        - skips cropped to their corner (GPT-4o) or taken after pooling (Gemini 1.5, Copilot): taken before the pooling;
        - a pooling after the last block (GPT-4o, Copilot, Bing, LLaMA 3.1): dropped, so that stages and skips line up;
        - a decoder block narrowed to the output's channels (Copilot, Bing): dropped with that pooling;
        - no skips (Bing, LLaMA 3.1): concatenated, with one convolution to mix them where the decoder had none;
        - no padding (LLaMA 3.1): padded;
        - no head, so that a ReLU clips the logits (Bing), or an up-convolution as head (LLaMA 3.1): a 1x1 convolution.
        """
        return replace(
            self,
            skip_source="pre_pool",
            pools=min(self.pools, len(self.widths) - 1),
            decoder_widths=self.decoder_widths[: len(self.widths) - 1],
            skip="up_skip" if self.skip == "none" else self.skip,
            decoder_convs=max(self.decoder_convs, 1) if self.skip == "none" else self.decoder_convs,
            padding=1,
            head="conv",
        )

    def _merged(self, size: int, skip: int) -> int:
        if self.pad_up or self.skip_source == "post_pool":
            return skip
        return _equal(size, min(size, skip) if self.skip_source == "top_left_crop" else skip)

    def _lost(self, convolutions: int) -> int:
        return 2 * (1 - self.padding) * convolutions


def _equal(size: int, skip: int) -> int:
    if size != skip:
        raise ValueError(f"upsampled size {size} meets a skip connection of size {skip}")
    return size
