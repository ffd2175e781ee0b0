"""Agreement with MeSH tags, by hand, and as scikit-learn counts F1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.evaluation.reports.labels import NORMAL, affirmed, agreement, f1, gold

SETS = st.frozensets(st.sampled_from(["effusion", "nodule", "mass"]), max_size=3).map(lambda own: own or {NORMAL})


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        (("normal",), {NORMAL}),
        (("cardiomegaly/mild", "pleural effusion/left/small"), {"cardiomegaly", "effusion"}),
        (("diaphragm/right/elevated", "lung/hypoinflation"), {"raised diaphragm", "low lung volume"}),
        (("calcified granuloma",), {"granuloma", "calcification"}),
        (("Cardiomegaly",), {"cardiomegaly"}),
        (("diaphragm/bilateral/flattened",), None),  # the lexicon does not have it
        (("no indexing",), None),
        ((), None),
        (None, None),
    ],
)
def test_gold(tags: tuple[str, ...] | None, wanted: set[str] | None) -> None:
    assert gold(tags) == wanted


def test_affirmed() -> None:
    assert affirmed("Cardiomegaly. No pleural effusion.") == {"cardiomegaly"}
    assert affirmed("No acute cardiopulmonary abnormality.") == {NORMAL}
    assert affirmed("Acute cardiopulmonary abnormality.") == {NORMAL}  # no tag means it
    assert affirmed(" ") == set()
    assert affirmed("肝囊肿", "zh") == set()  # no tags are of Chinese reports


def test_agreement_by_hand() -> None:
    wanted = [frozenset({"effusion", "nodule"}), frozenset({NORMAL}), frozenset({"nodule"})]
    found = [frozenset({"effusion"}), frozenset({NORMAL}), frozenset({"nodule", "mass"})]
    result = agreement(wanted, found)
    assert result["micro"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert result["macro"] == pytest.approx((1 + 2 / 3) / 2)  # mass does not occur
    assert result["normal"] == 1
    assert result["each"]["nodule"] == {"f1": pytest.approx(2 / 3), "n": 2}
    assert [f1(*pair) for pair in zip(wanted, found, strict=True)] == pytest.approx([2 / 3, 1, 2 / 3])


def test_nothing_to_agree_on() -> None:
    assert agreement([frozenset({NORMAL})], [frozenset()]) == {
        "micro": None,
        "macro": None,
        "normal": 0.0,
        "reports": 1,
        "each": {},
    }
    assert f1(frozenset(), frozenset()) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SETS, SETS), min_size=1, max_size=6))
def test_as_scikit_learn_counts(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    wanted, found = [own for own, _ in pairs], [other for _, other in pairs]
    names = sorted({name for own in wanted for name in own} - {NORMAL})
    result = agreement(wanted, found)
    assert list(result["each"]) == names
    if not names:
        return
    every = sorted({name for own in (*wanted, *found) for name in own} - {NORMAL})
    tables = {key: [[name in own for name in every] for own in side] for key, side in (("w", wanted), ("f", found))}
    micro = metrics.f1_score(tables["w"], tables["f"], average="micro", zero_division=0)
    each = np.atleast_1d(metrics.f1_score(tables["w"], tables["f"], average=None, zero_division=0))
    if len(every) == 1:  # scikit-learn takes a single column as a yes or no
        each = each[-1:]
        micro = each[0]
    assert result["micro"] == pytest.approx(micro)
    values = dict(zip(every, each, strict=True))
    assert result["macro"] == pytest.approx(np.mean([values[name] for name in names]))
