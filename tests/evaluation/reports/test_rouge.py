"""ROUGE against hand counts, torchmetrics, and what must hold for all texts."""

import importlib.util
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.errors import UserError
from llmseg.evaluation.reports import rouge as module
from llmseg.evaluation.reports.rouge import KINDS, rouge
from llmseg.evaluation.reports.words import characters, english, jieba_words

pytest.importorskip("rouge_score")

WORDS = st.lists(st.sampled_from(["no", "acute", "effusion", "heart", "left", "normal", "1"]), max_size=9).map(" ".join)
HAN = st.text(alphabet="左右侧结节积液未见 。a1", min_size=0, max_size=12)


def test_by_hand() -> None:
    """Four of five words and of four are shared; "no acute" and "acute cardiopulmonary" of the pairs; LCS is 3."""
    (found,) = rouge(["No acute cardiopulmonary disease seen."], ["Seen: no acute cardiopulmonary"])
    assert (found["rouge1_p"], found["rouge1_r"]) == (1, 0.8)
    assert found["rouge1_f"] == pytest.approx(2 * 0.8 / 1.8)
    assert (found["rouge2_p"], found["rouge2_r"]) == pytest.approx((2 / 3, 2 / 4))
    assert (found["rougeL_p"], found["rougeL_r"]) == pytest.approx((3 / 4, 3 / 5))


def test_no_stemming() -> None:
    (found,) = rouge(["effusions"], ["effusion"])
    assert found["rouge1_f"] == 0


@pytest.mark.parametrize("words", [characters, jieba_words])
def test_identical_chinese_scores_1(words: module.Words) -> None:
    if words is jieba_words:
        pytest.importorskip("jieba")
    text = "左侧肾上腺体部结节；右肾低密度灶，约17.8mm。"
    (found,) = rouge([text], [text], words)
    assert set(found.values()) == {1}
    (without,) = rouge([text.replace("17.8mm", "")], [text.replace("17.8mm", "")])
    assert without["rouge1_f"] == 0  # what rouge-score's own words give


@pytest.mark.parametrize("pair", [("", ""), ("", "normal"), ("normal", ""), ("。", "。")])
def test_empty_texts_score_0(pair: tuple[str, str]) -> None:
    for words in (english, characters):
        (found,) = rouge([pair[0]], [pair[1]], words)
        assert set(found.values()) == {0}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_as_torchmetrics_has_it(pairs: list[tuple[str, str]]) -> None:
    functional = pytest.importorskip("torchmetrics.functional.text.rouge")
    references, texts = [own for own, _ in pairs], [text for _, text in pairs]
    wanted = functional.rouge_score(texts, references, rouge_keys=KINDS)
    found = rouge(references, texts)
    for kind in KINDS:
        for ours, theirs in (("p", "precision"), ("r", "recall"), ("f", "fmeasure")):
            mean = sum(row[f"{kind}_{ours}"] for row in found) / len(found)
            assert mean == pytest.approx(float(wanted[f"{kind}_{theirs}"]), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(WORDS | HAN, WORDS | HAN)
def test_range_identity_and_symmetry(first: str, second: str) -> None:
    for words in (english, characters):
        there, back = rouge([first, second, first], [second, first, first], words)[:2]
        assert all(0 <= value <= 1 for value in there.values())
        for kind in KINDS:
            assert there[f"{kind}_f"] == pytest.approx(back[f"{kind}_f"])
            assert there[f"{kind}_p"] == pytest.approx(back[f"{kind}_r"])
        same = rouge([first], [first], words)[0]
        if words(first):
            assert same["rouge1_f"] == same["rougeL_f"] == 1


def test_one_text_a_reference() -> None:
    with pytest.raises(ValueError, match="zip"):
        rouge(["a"], [])


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ROUGE needs the package rouge-score: pip install 'llmseg\[reports\]'"):
        rouge(["a"], ["a"])


def test_a_stream_that_was_redirected_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    from absl import logging

    kept = io.StringIO()
    monkeypatch.setattr(logging.get_absl_handler().python_handler, "stream", kept)
    rouge(["one"], ["one"])
    logging.get_absl_handler().python_handler.close()  # as Hydra does before it sets up the next job's logging
    assert not kept.closed
