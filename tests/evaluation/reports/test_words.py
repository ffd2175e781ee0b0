"""What counts as a word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.evaluation.reports.words import characters, english, jieba_words, sentences, words_of


@settings(deadline=None)  # the package is imported by the first
@given(st.text())
def test_english_is_what_rouge_score_takes(text: str) -> None:
    tokenizers = pytest.importorskip("rouge_score.tokenizers")
    assert english(text) == tokenizers.DefaultTokenizer(use_stemmer=False).tokenize(text)


def test_chinese_by_character_but_latin_words_and_numbers_whole() -> None:
    assert characters("约17.8mm×15.7mm，T2WI高信号。") == [
        *("约", "17.8", "mm", "15.7", "mm"),
        *("t2wi", "高", "信", "号"),
    ]
    assert characters("１７．８ｍｍ") == ["17.8", "mm"]
    assert characters("——。 ") == []


def test_chinese_by_jieba_word() -> None:
    pytest.importorskip("jieba")
    found = jieba_words("左侧肾上腺结节，随诊。")
    assert "".join(found) == "左侧肾上腺结节随诊"
    assert len(found) < 9  # some words have several characters


def test_words_of_a_language() -> None:
    assert words_of("zh")("结节") == ["结", "节"]
    assert words_of("en")("Two words") == ["two", "words"]


def test_sentences() -> None:
    assert sentences("1. Heart 4.5 cm. No effusion; stable.\n2. Scar") == [
        "Heart 4.5 cm",
        "No effusion",
        "stable",
        "Scar",
    ]
    assert sentences("肝囊肿。脂肪肝；随诊") == ["肝囊肿", "脂肪肝", "随诊"]
    assert sentences(" . 1. ") == []
