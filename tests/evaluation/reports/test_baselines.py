"""The rules beside a model, on reports made by hand."""

import importlib.util

import pytest

from llmseg.data.reports.sample import Report
from llmseg.errors import DataError, UserError
from llmseg.evaluation.reports import baselines
from llmseg.evaluation.reports.baselines import BASELINES, constant, copy, first_sentence, nearest

TRAIN = [
    Report("a", "The lungs are clear. Heart size is normal.", "No acute abnormality."),
    Report("b", "Clear lungs and a normal heart.", "1. NO ACUTE ABNORMALITY. ."),
    Report("c", "Large left pleural effusion.", "Left effusion."),
    Report("d", "Heart size is enlarged.", "No acute  abnormality."),
    Report("e", "Nobody wrote an impression.", None),
    Report("f", "Large left pleural effusion.", "No acute abnormality."),
]
TEST = [
    Report("t", "There is a left pleural effusion. It is large.", "Left effusion."),
    Report("u", "Indication: pain.\n\nClear lungs.", "Normal.", fields={"findings": "Clear lungs."}),
    Report("v", "", "Normal."),
]


def test_every_baseline_answers_each_report() -> None:
    pytest.importorskip("sklearn")
    assert list(BASELINES) == ["constant", "first_sentence", "nearest", "copy"]
    assert all(len(rule(TRAIN, TEST)) == len(TEST) for rule in BASELINES.values())


def test_constant_is_the_commonest_in_its_commonest_spelling() -> None:
    assert constant(TRAIN, TEST) == ["No acute abnormality."] * 3
    assert constant(TRAIN[1:3] + TRAIN[1:2], TEST[:1]) == ["1. NO ACUTE ABNORMALITY. ."]


def test_first_sentence_and_copy_are_of_the_findings() -> None:
    assert first_sentence(TRAIN, TEST) == ["There is a left pleural effusion", "Clear lungs", ""]
    assert copy(TRAIN, TEST) == [TEST[0].input, "Clear lungs.", ""]


def test_nearest_and_of_equals_the_commonest() -> None:
    pytest.importorskip("sklearn")
    assert nearest(TRAIN[:3], TEST[:2]) == ["Left effusion.", "1. NO ACUTE ABNORMALITY. ."]
    assert nearest(TRAIN, TEST)[0] == "No acute abnormality."  # c and f are the same findings
    assert nearest(TRAIN[::-1], TEST) == nearest(TRAIN, TEST)


def test_nearest_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    whole = nearest(TRAIN, TEST)
    monkeypatch.setattr(baselines, "_AT_A_TIME", 1)
    assert nearest(TRAIN, TEST) == whole


def test_nearest_of_chinese_goes_by_characters() -> None:
    pytest.importorskip("sklearn")
    train = [Report("a", "左侧肾上腺体部见结节", "肾上腺结节"), Report("b", "肝右叶见囊性灶，边界清楚", "肝囊肿")]
    assert nearest(train, [Report("t", "肝左叶囊性灶"), Report("u", "肾上腺见结节影")]) == ["肝囊肿", "肾上腺结节"]


def test_nothing_to_learn_from() -> None:
    for rule in (constant, nearest):
        with pytest.raises(DataError, match="training part has no report with an output"):
            rule(TRAIN[4:5], TEST)
    with pytest.raises(DataError, match="no words to compare by"):
        nearest([Report("a", "...", "Normal.")], TEST)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"nearest needs the package scikit-learn: pip install 'llmseg\[reports\]'"):
        nearest(TRAIN, TEST)
