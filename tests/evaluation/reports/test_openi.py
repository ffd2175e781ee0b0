"""The rules on the usual test split of Open-i, against numbers that were computed apart from this code."""

import importlib.util
from collections.abc import Sequence

import pytest

from llmseg.data.reports.config import ReportsConfig, ReportSplitConfig
from llmseg.data.reports.datamodule import ReportData
from llmseg.data.reports.sample import Report
from llmseg.evaluation.reports import labels, scores
from llmseg.evaluation.reports.baselines import BASELINES
from llmseg.evaluation.reports.scores import score, summarise
from llmseg.evaluation.summary import Summary
from llmseg.language.writing import Written

_ROUGE = ("rouge1_f", "rouge2_f", "rougeL_f")


@pytest.fixture(scope="module")
def parts() -> tuple[Sequence[Report], Sequence[Report]]:
    for module in ("torchxrayvision", "rouge_score", "sacrebleu", "sklearn"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
    data = ReportData(
        ReportsConfig(name="openi", format="openi", empty="drop", split=ReportSplitConfig(rule="usual")), seed=0
    )
    data.prepare()
    return data.part("train"), data.part("test")


@pytest.fixture(scope="module")
def summaries(parts: tuple[Sequence[Report], Sequence[Report]]) -> dict[str, Summary]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "is_available", lambda: False)  # embeddings take a minute, and are tested elsewhere
        patch.setattr(scores, "bootstrap_by_patient", lambda *_: None)
        return {
            name: summarise(score(parts[1], [Written(text) for text in rule(*parts)]))
            for name, rule in BASELINES.items()
        }


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [("constant", (44.4, 33.5, 44.4)), ("first_sentence", (6.7, 1.8, 6.0)), ("copy", (14.1, 5.0, 12.3))],
)
def test_rouge_of_the_rules(summaries: dict[str, Summary], rule: str, wanted: tuple[float, ...]) -> None:
    found = [100 * summaries[rule]["mean"][name] for name in _ROUGE]
    assert found == pytest.approx(wanted, abs=0.05)


def test_abnormal_only(summaries: dict[str, Summary]) -> None:
    own = summaries["constant"]["subsets"]["abnormal"]
    assert own["reports"] == 151
    assert 100 * own["mean"]["rougeL_f"] == pytest.approx(14.6, abs=0.05)


def test_nearest_is_the_strongest(summaries: dict[str, Summary]) -> None:
    """Others got 63.3 and, of the abnormal, 44.1; which n-grams and which of equals they took is not known."""
    nearest = summaries["nearest"]
    assert 100 * nearest["mean"]["rougeL_f"] == pytest.approx(63.3, abs=2)
    assert 100 * nearest["subsets"]["abnormal"]["mean"]["rougeL_f"] == pytest.approx(44.1, abs=2)


def test_findings_affirm_what_readers_indexed(parts: tuple[Sequence[Report], Sequence[Report]]) -> None:
    """MeSH tags were given for whole reports: what findings and impression affirm together has to agree with them."""
    tagged = [(report, gold) for report in parts[1] if (gold := labels.gold(report.labels)) is not None]
    found = [labels.affirmed(f"{report.input}\n{report.output}") for report, _ in tagged]
    result = labels.agreement([gold for _, gold in tagged], found)
    assert result["reports"] > 300
    assert result["micro"] > 0.8
    assert result["normal"] > 0.85
