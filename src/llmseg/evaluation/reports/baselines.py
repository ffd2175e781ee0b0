"""Impressions without a language model, which every model is to be compared with."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from llmseg.data.reports.language import language_of
from llmseg.data.reports.sample import Report
from llmseg.errors import DataError
from llmseg.evaluation.reports.optional import need
from llmseg.evaluation.reports.words import sentences

Baseline = Callable[[Sequence[Report], Sequence[Report]], list[str]]
"""From training and test reports to one text a test report."""

_NUMBERING = re.compile(r"^\s*\d+\s*[.)、]\s*")
_EQUAL = 1e-9  # cosines that differ by rounding only
_AT_A_TIME = 64  # test reports


def constant(train: Sequence[Report], test: Sequence[Report]) -> list[str]:
    """The commonest training impression for every report.

    Impressions are counted without case, numbering and the marks at their end, and told in their commonest spelling.

    Raises:
        DataError: no training report has an output.
    """
    outputs = [output for _, output in _known(train)]
    commonest, _ = Counter(map(_normal, outputs)).most_common(1)[0]
    spelling, _ = Counter(text for text in outputs if _normal(text) == commonest).most_common(1)[0]
    return [spelling] * len(test)


def first_sentence(train: Sequence[Report], test: Sequence[Report]) -> list[str]:
    """The first sentence of the findings; nothing where there is none."""
    return [next(iter(sentences(findings_of(report))), "") for report in test]


def nearest(train: Sequence[Report], test: Sequence[Report]) -> list[str]:
    """The impression of the training report whose findings are most alike by the cosine of TF-IDF.

    Of words and pairs of words; of one to three characters in sequence where the training findings are Chinese. Of
    equally near ones, which are many, the impression that is commonest in training: the order of files plays no part.

    Raises:
        DataError: no training report has an output.
        UserError: scikit-learn is not installed.
    """
    need("sklearn", "the baseline nearest", "scikit-learn")
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped, unused-ignore]

    texts, outputs = zip(*_known(train), strict=True)
    is_chinese = language_of(texts) == "zh"
    options: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 3)} if is_chinese else {"ngram_range": (1, 2)}
    vectors = TfidfVectorizer(**options)
    try:
        table = vectors.fit_transform(texts)
    except ValueError as error:  # scikit-learn refuses texts without a word
        raise DataError("the training reports' inputs have no words to compare by; check the columns") from error
    asked = vectors.transform([findings_of(report) for report in test])
    counts = Counter(outputs)
    found = []
    for first in range(0, len(test), _AT_A_TIME):  # all of a large set against each other would fill any memory
        for row in (asked[first : first + _AT_A_TIME] @ table.T).toarray():
            best = {outputs[place] for place in (row >= row.max() - _EQUAL).nonzero()[0]}
            found.append(max(best, key=lambda output: (counts[output], output)))
    return found


def copy(train: Sequence[Report], test: Sequence[Report]) -> list[str]:
    """The findings themselves."""
    return [findings_of(report) for report in test]


BASELINES: dict[str, Baseline] = {
    "constant": constant,
    "first_sentence": first_sentence,
    "nearest": nearest,
    "copy": copy,
}


def findings_of(report: Report) -> str:
    """The findings alone, where the report's columns tell them apart from the rest of the input."""
    return report.fields.get("findings") or report.input


def _known(train: Sequence[Report]) -> list[tuple[str, str]]:
    """Findings and impression of the training reports that have one."""
    written = [(report, (report.output or "").strip()) for report in train]
    known = [(findings_of(report), output) for report, output in written if output]
    if not known:
        raise DataError("the training part has no report with an output: there is nothing to take texts from")
    return known


def _normal(text: str) -> str:
    return _NUMBERING.sub("", " ".join(text.lower().split())).rstrip(" .。")
