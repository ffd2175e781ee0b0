"""A network that is told, at its bottleneck, what a language model knows about the classes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from llmseg.models.fusion import build_fusion

CARRIERS = ("vnet", "resnet34_vnet")
"""Choices of `model` that can carry knowledge."""


class EncoderDecoder(Protocol):
    """What a network offers that can carry knowledge.

    Attributes:
        deepest_channels: channels of the deepest features.
    """

    deepest_channels: int

    def encode(self, image: Tensor) -> list[Tensor]:
        """Features of all levels, the deepest (N, deepest_channels, x, y, z) last."""

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of what `encode` gives."""


class WithKnowledge(nn.Module):
    """A network whose deepest features are fused with embeddings of text; itself such a network.

    The embeddings are part of the state: a checkpoint needs no text encoder.

    Args:
        net: offers `encode`, `decode` and `deepest_channels` (see `EncoderDecoder`).
        text_shape: (K, D, dim): classes, descriptors a class, size of an embedding.
        fusion: balance, film, gate or cross_attention.
        learned: train the embeddings as well; a control, for which no text is needed.
        options: further arguments of the fusion, such as `{initial: 0.1}` of balance.

    Attributes:
        text: (K, D, dim) float32, zeros until `load_text` or `load_state_dict`.

    Raises:
        ValueError: the network has no such parts, a size is not positive, or the fusion refuses its name or options.
    """

    text: Tensor

    def __init__(
        self,
        net: nn.Module,
        text_shape: Sequence[int],
        fusion: str = "balance",
        learned: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not can_carry(net):
            raise ValueError(f"{type(net).__name__} cannot carry knowledge: choose {', '.join(CARRIERS)}")
        if len(text_shape) != 3 or min(text_shape) < 1:
            raise ValueError(f"text_shape={list(text_shape)}: give classes, descriptors and size of an embedding")
        self.net = net
        classes, _, dim = text_shape
        self.deepest_channels = self._parts.deepest_channels
        self.fusion = build_fusion(fusion, self.deepest_channels, classes, dim, options)
        zeros = torch.zeros(*text_shape)
        if learned:
            self.text = nn.Parameter(zeros)
        else:
            self.register_buffer("text", zeros)

    def load_text(self, vectors: Tensor) -> None:
        """Take over embeddings (K, D, dim).

        Raises:
            ValueError: another shape, or values that are not finite.
        """
        if vectors.shape != self.text.shape:
            raise ValueError(f"embeddings of shape {list(vectors.shape)}: the network takes {list(self.text.shape)}")
        if not vectors.isfinite().all():
            raise ValueError("embeddings: some values are NaN or infinite")
        with torch.no_grad():
            self.text.copy_(vectors)

    def forward(self, image: Tensor) -> Tensor:
        """Image (N, C, X, Y, Z) to logits; sizes as the network takes them."""
        return self.decode(self.encode(image))

    def encode(self, image: Tensor) -> list[Tensor]:
        """The network's features, the deepest of them with knowledge."""
        *skips, deepest = self._parts.encode(image)
        return [*skips, self.fusion(deepest, self.text)]

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of what `encode` gives."""
        return self._parts.decode(features)

    @property
    def _parts(self) -> EncoderDecoder:
        return cast(EncoderDecoder, self.net)


def can_carry(net: nn.Module) -> bool:
    """Whether a network offers what knowledge needs."""
    return all(hasattr(net, part) for part in ("encode", "decode", "deepest_channels"))
