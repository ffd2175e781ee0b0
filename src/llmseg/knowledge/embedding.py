"""From the `knowledge` node to vectors that a network can fuse with what it sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llmseg.errors import ConfigError
from llmseg.knowledge.cache import cached, fingerprint
from llmseg.knowledge.encoders import load_encoder
from llmseg.knowledge.texts import Texts, default_knowledge

_CONTROLS = {"random", "learned"}
_CONTROL_KEYS = {"source", "organ", "encoder", "seed"}


@dataclass(frozen=True)
class Knowledge:
    """Vectors of the classes' descriptors, and where they come from.

    Attributes:
        vectors: (K, D, dim) float32: classes, descriptors, embedding; texts have norm 1.
        learned: they are only where training begins.
        organ: that the texts are about.
        source: hand_written, an LLM's name, random or learned.
        encoder: its name and version.
        texts: what was embedded, a row a class; empty for random and learned vectors.
        fingerprint: hash of the texts; those that gave the norms, for random and learned vectors.
    """

    vectors: Tensor
    learned: bool
    organ: str
    source: str
    encoder: str
    texts: tuple[tuple[str, ...], ...]
    fingerprint: str

    def provenance(self) -> dict[str, Any]:
        """All but the vectors and texts, as plain containers, for a run's folder."""
        return {
            "organ": self.organ,
            "source": self.source,
            "encoder": self.encoder,
            "shape": list(self.vectors.shape),
            "learned": self.learned,
            "fingerprint": self.fingerprint,
        }


def embed(
    node: Mapping[str, Any] | None, classes: Sequence[str], cache: Path, organ: str | None = None
) -> Knowledge | None:
    """The vectors that a `knowledge` node asks for; computed once, then read from the cache.

    The state of torch's random generator is the same afterwards, whether the vectors were in the cache or not.

    Args:
        node: plain; of a file in conf/knowledge or one like them.
        classes: of the data set, in the order of its channels.
        cache: `paths.cache`.
        organ: `data.organ`; texts on another one are used with a warning.

    Returns:
        None for `knowledge=none`.

    Raises:
        ConfigError: the node, or its encoder, cannot be right.
        UserError: the encoder is not to be had: a package or a folder is missing, or there is no network.
    """
    if node is None or node.get("source") == "none":
        return None
    source = str(node.get("source"))
    if source in _CONTROLS:
        return _control(node, classes, cache)
    texts = Texts.of(node)
    rows = texts.select(classes, organ)
    vectors, encoder = _vectors(rows, node, cache)
    return Knowledge(vectors, False, texts.organ, source, encoder, rows, fingerprint(_flat(rows)))


def _control(node: Mapping[str, Any], classes: Sequence[str], cache: Path) -> Knowledge:
    """Random directions with the norms of the vectors of the organ's text."""
    source = str(node["source"])
    if unknown := sorted(set(node) - _CONTROL_KEYS):
        raise ConfigError(f"knowledge={source}: unknown key {unknown[0]}; there is {', '.join(sorted(_CONTROL_KEYS))}")
    texts = Texts.of(default_knowledge(node.get("organ")))
    known = list(texts.classes)
    names = classes if set(classes) <= set(known) else [known[index % len(known)] for index in range(len(classes))]
    rows = texts.select(names)
    vectors, encoder = _vectors(rows, node, cache)
    drawn = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(int(node.get("seed", 0))))
    drawn = drawn / drawn.norm(dim=-1, keepdim=True) * vectors.norm(dim=-1, keepdim=True)
    return Knowledge(drawn, source == "learned", texts.organ, source, encoder, (), fingerprint(_flat(rows)))


def _vectors(rows: tuple[tuple[str, ...], ...], node: Mapping[str, Any], cache: Path) -> tuple[Tensor, str]:
    encoder = load_encoder(str(node.get("encoder") or "minilm"))
    with torch.random.fork_rng(devices=[]):
        flat = cached(_flat(rows), encoder, cache / "embeddings")
    return flat.reshape(len(rows), len(rows[0]), -1), encoder.name


def _flat(rows: tuple[tuple[str, ...], ...]) -> list[str]:
    return [text for row in rows for text in row]
