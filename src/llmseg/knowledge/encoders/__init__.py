"""Frozen text encoders: `knowledge.encoder=minilm`, a Hugging Face encoder, or an embeddings endpoint."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Encoder(Protocol):
    """Turns texts into vectors; its weights are loaded by the first `encode` only.

    Attributes:
        name: with a version: two encoders of one name give the same vectors.
    """

    name: str

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Vectors (n, dim) float32 of norm 1."""
        ...


def load_encoder(name: str) -> Encoder:
    """The encoder that `knowledge.encoder` names.

    Args:
        name: minilm; `openai:<model>`; a folder; or `owner/name` of Hugging Face, with `@revision` where wanted.

    Raises:
        ConfigError: no encoder can have this name.
        UserError: it is not to be had: a package or a folder is missing, or there is no network.
    """
    if name == "minilm":
        from llmseg.knowledge.encoders.minilm import minilm

        return minilm()
    if name.startswith("openai:"):
        from llmseg.knowledge.encoders.openai_endpoint import EmbeddingsEndpoint

        return EmbeddingsEndpoint(name.removeprefix("openai:"))
    from llmseg.knowledge.encoders.huggingface import find

    return find(name)
