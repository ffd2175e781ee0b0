"""ROUGE: which words, pairs of words and longest common sequence a text shares with its reference."""

import sys
from collections.abc import Sequence
from typing import Any

from llmseg.evaluation.reports.optional import need
from llmseg.evaluation.reports.words import Words, english

KINDS = ("rouge1", "rouge2", "rougeL")


def rouge(references: Sequence[str], texts: Sequence[str], words: Words = english) -> list[dict[str, float]]:
    """Precision, recall and F1 of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), by the package rouge-score.

    No stemming. Identical texts score 1, if they have a word (ROUGE-2: two words); where one of the two has none, or
    both, everything is 0, as rouge-score has it. Its own tokenizer knows no Chinese: identical texts would score 0
    there, which is why the words are given.

    Args:
        references: what was to be written.
        texts: what was written, in the same order.
        words: how a text is divided; see `llmseg.evaluation.reports.words`.

    Returns:
        One dict a text, from 0 to 1: rouge1_p, rouge1_r, rouge1_f, and so on for rouge2 and rougeL.

    Raises:
        UserError: rouge-score is not installed.
        ValueError: there are more references than texts, or fewer.
    """
    need("rouge_score", "ROUGE", "rouge-score")
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped, unused-ignore]

    _leave_stderr_open()
    scorer = RougeScorer(list(KINDS), tokenizer=_Tokenizer(words))
    return [_flat(scorer.score(own, text)) for own, text in zip(references, texts, strict=True)]


def _leave_stderr_open() -> None:
    """Have absl, which rouge-score imports, close no stream that is not its own.

    Its log handler keeps what `sys.stderr` was on import, and closes that when Hydra sets up the logging of the next
    job, if it is another one by then: under a test or a notebook that redirects it, or in a progress bar.
    """
    from absl import logging

    handler = logging.get_absl_handler()
    if handler is not None:
        handler.python_handler.stream = sys.__stderr__


class _Tokenizer:
    """Words in the form that rouge-score asks for."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def tokenize(self, text: str) -> list[str]:
        return self._words(text)


def _flat(scores: dict[str, Any]) -> dict[str, float]:
    parts = {"p": "precision", "r": "recall", "f": "fmeasure"}
    return {f"{kind}_{short}": float(getattr(scores[kind], name)) for kind in KINDS for short, name in parts.items()}
