"""Scores of written reports: of each one, and of all and of the abnormal ones together."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any

import pandas as pd

from llmseg.data.reports.sample import Report
from llmseg.errors import DataError
from llmseg.evaluation.reports import labels
from llmseg.evaluation.reports.laterality import misplaced
from llmseg.evaluation.reports.negation import contradicted
from llmseg.evaluation.reports.optional import notes
from llmseg.evaluation.reports.overlap import chrf, corpus_bleu
from llmseg.evaluation.reports.rouge import KINDS, rouge
from llmseg.evaluation.reports.similarity import is_available, similarity
from llmseg.evaluation.reports.wording import wording
from llmseg.evaluation.reports.words import jieba_words, words_of
from llmseg.evaluation.statistics import bootstrap_by_patient
from llmseg.evaluation.summary import Summary
from llmseg.language.writing import Written
from llmseg.optional import has

ABNORMAL, NOT_NORMAL = "abnormal", "not_normal"
SUBSETS = {
    ABNORMAL: 'reference without the words "no acute" in whatever case: some normal ones, worded otherwise, are among '
    "them",
    NOT_NORMAL: 'MeSH tags that are not "normal" (reports that nobody indexed are left out)',
}
"""Subsets that are scored beside all reports, and how they are made."""

_ROUGE = tuple(f"{kind}_{part}" for kind in KINDS for part in "prf")
METRICS = (
    *_ROUGE,
    *(f"{name[:-2]}_word{name[-2:]}" for name in _ROUGE),
    "chrf",
    "similarity",
    "negation_ok",
    "laterality_ok",
    "labels_f",
    "words",
    "characters",
    "length_ratio",
    "copied",
    "is_empty",
    "is_cut",
)
"""Columns of which `summarise` gives means."""

WITH_INTERVAL = ("rouge1_f", "rouge2_f", "rougeL_f", "rougeL_word_f", "chrf", "similarity", "labels_f", "negation_ok")
_RESAMPLES = 2_000
_JOIN = "; "


def score(
    reports: Sequence[Report], written: Sequence[Written], language: str = "en", with_similarity: bool = True
) -> pd.DataFrame:
    """Score every answer against what a reader wrote.

    Args:
        reports: with outputs.
        written: the answers, in the same order.
        language: "zh": words are characters, and ROUGE is also given by jieba's words ("rouge1_word_f").
        with_similarity: of embeddings, as well; it takes some seconds.

    Returns:
        One row a report, shares from 0 to 1: id, group (its id where it has none), line, language, input, reference,
        text, abnormal and not_normal (is it in the subset? None: cannot be told), and the columns of `METRICS`; those
        of a package that is not installed are absent (see `summarise`). negation_ok and laterality_ok: 1 where the two
        texts agree on all findings (with a side) that both name, 0 where not, NaN where they share none; contradicted
        and misplaced name them. labels_gold (of MeSH), labels_text, labels_reference: findings that tags mean or texts
        affirm, joined with "; "; labels_f, F1 of the text's within the report, and labels_reference_f, the reference's:
        what a perfect impression would get. NaN without tags.

    Raises:
        DataError: a report has no output.
        ValueError: there are no reports, or another number of answers.
    """
    if not reports or len(reports) != len(written):
        raise ValueError(f"{len(reports)} reports and {len(written)} answers cannot be scored")
    for report in reports:
        if report.output is None:
            raise DataError(f"line {report.line}: report {report.id} has no output to compare with")
    references, texts = [report.output or "" for report in reports], [answer.text for answer in written]
    pairs = list(zip(reports, written, strict=True))
    facts = pd.DataFrame([_facts(report, answer, language) for report, answer in pairs])
    clinical = pd.DataFrame([_clinical(report, answer.text, language) for report, answer in pairs])
    return pd.concat([facts, *_overlap(references, texts, language, with_similarity), clinical], axis=1)


def summarise(rows: pd.DataFrame | Sequence[Mapping[str, Any]], seed: int = 0) -> Summary:
    """Summarise the scores of one method.

    Args:
        rows: of `score`, also as they come back from a CSV file.
        seed: of the bootstrap.

    Returns:
        JSON-ready, shares from 0 to 1, null for what does not exist:
        `["reports"]`, `["groups"]`, their numbers, and `["language"]`;
        `["mean"][metric]` for the columns of `METRICS` that there are, NaN left out, and `["n"][metric]`, how many
        reports have a value; `["mean_interval"][metric]`, 95 %, groups resampled, for those of `WITH_INTERVAL`, null
        under ten groups;
        `["bleu"]`, of all texts together;
        `["labels"]`, agreement with MeSH tags (see `labels.agreement`), and `["labels_reference"]`, the same of the
        reference texts: what a perfect impression would get; both null without tags;
        `["empty"]`, `["cut"]`, `["contradicted"]`, `["misplaced"]`, numbers of reports;
        `["subsets"][name]`, all of this but language, subsets and notes, for each of `SUBSETS`; null where it is empty
        or cannot be told;
        `["notes"]`, what is missing and why.

    Raises:
        ValueError: there are no rows.
    """
    frame = pd.DataFrame(rows).reset_index(drop=True)
    if frame.empty:
        raise ValueError("no scores to summarise")
    language = str(frame["language"].iloc[0])
    subsets = {name: frame[frame[name].map(_is_true)] for name in SUBSETS}
    return {
        "language": language,
        **_summary(frame, language, seed),
        "subsets": {name: _summary(own, language, seed) if len(own) else None for name, own in subsets.items()},
        "notes": notes(language),
    }


def _facts(report: Report, answer: Written, language: str) -> dict[str, Any]:
    reference = report.output or ""
    return {
        "id": report.id,
        "group": report.group or report.id,
        "line": report.line,
        "language": language,
        "input": report.input,
        "reference": reference,
        "text": answer.text,
        ABNORMAL: None if language == "zh" else "no acute" not in reference.lower(),
        NOT_NORMAL: _not_normal(report.labels),
        "is_cut": float(answer.is_cut),
        **wording(report.input, reference, answer.text, language),
    }


def _not_normal(tags: Sequence[str] | None) -> bool | None:
    known = [tag for tag in tags or () if tag != "no indexing"]
    return labels.NORMAL not in known if known else None


def _overlap(
    references: Sequence[str], texts: Sequence[str], language: str, with_similarity: bool
) -> list[pd.DataFrame]:
    """Columns of the packages that are installed."""
    found = []
    if has("rouge_score"):
        found.append(pd.DataFrame(rouge(references, texts, words_of(language))))
        if language == "zh" and has("jieba"):
            by_word = pd.DataFrame(rouge(references, texts, jieba_words))
            found.append(by_word.rename(columns=lambda name: f"{name[:-2]}_word{name[-2:]}"))
    if has("sacrebleu"):
        found.append(pd.DataFrame({"chrf": chrf(references, texts)}))
    if with_similarity and language != "zh" and is_available():
        found.append(pd.DataFrame({"similarity": similarity(references, texts)}))
    return found


def _clinical(report: Report, text: str, language: str) -> dict[str, Any]:
    reference = report.output or ""
    against, aside = contradicted(reference, text, language), misplaced(reference, text, language)
    wanted = labels.gold(report.labels) if language != "zh" else None
    found, own = labels.affirmed(text, language), labels.affirmed(reference, language)
    return {
        "negation_ok": nan if against is None else float(not against),
        "contradicted": _JOIN.join(against or ()),
        "laterality_ok": nan if aside is None else float(not aside),
        "misplaced": _JOIN.join(aside or ()),
        "labels_gold": None if wanted is None else _JOIN.join(sorted(wanted)),
        "labels_text": _JOIN.join(sorted(found)),
        "labels_reference": _JOIN.join(sorted(own)),
        "labels_f": nan if wanted is None else labels.f1(wanted, found),
        "labels_reference_f": nan if wanted is None else labels.f1(wanted, own),
    }


def _summary(frame: pd.DataFrame, language: str, seed: int) -> Summary:
    shown = {name: frame[name].astype(float) for name in METRICS if name in frame}
    groups = frame["group"].astype(str).tolist()
    references, texts = (frame[name].fillna("").astype(str).tolist() for name in ("reference", "text"))
    intervals = {
        name: bootstrap_by_patient(shown[name], groups, _RESAMPLES, seed) for name in WITH_INTERVAL if name in shown
    }
    return {
        "reports": len(frame),
        "groups": len(set(groups)),
        "mean": {name: _or_none(values.mean()) for name, values in shown.items()},
        "n": {name: int(values.notna().sum()) for name, values in shown.items()},
        "mean_interval": {name: None if own is None else list(own) for name, own in intervals.items()},
        "bleu": corpus_bleu(references, texts, language) if has("sacrebleu") else None,
        "labels": _labels(frame, "labels_text"),
        "labels_reference": _labels(frame, "labels_reference"),
        "empty": int(frame["is_empty"].astype(float).sum()),
        "cut": int(frame["is_cut"].astype(float).sum()),
        "contradicted": int((frame["negation_ok"].astype(float) == 0).sum()),
        "misplaced": int((frame["laterality_ok"].astype(float) == 0).sum()),
    }


def _labels(frame: pd.DataFrame, column: str) -> dict[str, Any] | None:
    tagged = frame[frame["labels_gold"].map(_is_text)]
    if tagged.empty:
        return None
    return labels.agreement([_set(own) for own in tagged["labels_gold"]], [_set(own) for own in tagged[column]])


def _set(joined: Any) -> labels.Labels:
    return frozenset(joined.split(_JOIN)) if _is_text(joined) else frozenset()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_true(value: Any) -> bool:
    """Of a column that may hold None, and comes back from CSV as text or numbers."""
    return str(value) in {"True", "1.0", "1"}


def _or_none(value: float) -> float | None:
    return float(value) if isfinite(value) else None
