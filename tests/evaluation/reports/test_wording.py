"""Length and copying, by hand."""

from math import isnan

import pytest

from llmseg.evaluation.reports.wording import copy_rate, wording


def test_wording() -> None:
    found = wording("The heart is of normal size. No effusion.", "Normal heart.", " The heart is of course normal. ")
    assert found == {"words": 6, "characters": 30, "length_ratio": 3, "copied": pytest.approx(4 / 6), "is_empty": 0}


def test_empty_answer_and_reference() -> None:
    found = wording("x", "", "\n")
    assert (found["words"], found["is_empty"]) == (0, 1)
    assert isnan(found["length_ratio"])
    assert isnan(found["copied"])


@pytest.mark.parametrize(
    ("source", "answer", "rate"),
    [
        ("a b c d e", "a b c d x b c d e", 8 / 9),
        ("a b c d", "a b c x d", 0),  # three in sequence are no copy
        ("a b c d", "b c", 1),  # a short answer is one sequence
        ("", "a", 0),
    ],
)
def test_copy_rate(source: str, answer: str, rate: float) -> None:
    assert copy_rate(source.split(), answer.split()) == pytest.approx(rate)


def test_chinese_words_are_characters() -> None:
    found = wording("左侧肾上腺结节", "结节", "左侧肾上腺囊肿", "zh")
    assert (found["words"], found["length_ratio"], found["copied"]) == (7, 3.5, pytest.approx(5 / 7))
