"""BLEU and chrF: what they are of equal, empty and Chinese texts."""

import importlib.util
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.errors import UserError
from llmseg.evaluation.reports.overlap import chrf, corpus_bleu

pytest.importorskip("sacrebleu")


def test_bleu_by_hand() -> None:
    """Five words of a reference of six: precisions 5/5, 4/4, 3/3, 2/2, brevity exp(1 - 6 / 5)."""
    found = corpus_bleu(["no acute cardiopulmonary abnormality is seen"], ["no acute cardiopulmonary abnormality is"])
    assert found == pytest.approx(exp(1 - 6 / 5))


def test_bleu_is_of_all_texts_together() -> None:
    references = ["the heart is of normal size", "small left pleural effusion is seen"]
    texts = [references[0], "large"]
    assert 0 < corpus_bleu(references, texts) < corpus_bleu(references[:1], texts[:1]) == pytest.approx(1)


def test_chinese_is_divided_by_character() -> None:
    text = "左侧肾上腺体部结节；右肾低密度灶。"
    other = "左侧肾上腺体部结节；右肾囊肿。"
    assert corpus_bleu([text], [text], "zh") == pytest.approx(1)
    assert corpus_bleu([text], [other], "zh") > 0.3 > corpus_bleu([text], [other])


@pytest.mark.parametrize("text", ["", "  "])
def test_empty_text(text: str) -> None:
    assert corpus_bleu(["normal"], [text]) == 0
    assert chrf(["normal", ""], [text, text]) == [0, 0]


@settings(max_examples=30, deadline=None)
@given(st.text("abc def", min_size=1, max_size=20), st.text("abc def", max_size=20))
def test_chrf_range_and_identity(first: str, second: str) -> None:
    found, same = chrf([first, first], [second, first])
    assert 0 <= found <= 1
    assert same == pytest.approx(1 if first.strip() else 0)


def test_numbers_must_agree() -> None:
    with pytest.raises(ValueError, match="2 references for 1 texts"):
        corpus_bleu(["a", "b"], ["a"])


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for metric in (corpus_bleu, chrf):
        with pytest.raises(UserError, match=r"needs the package sacrebleu: pip install 'llmseg\[reports\]'"):
            metric(["a"], ["a"])
