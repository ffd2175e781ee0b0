"""Methods that write reports beside each other, and beside published numbers."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from llmseg.evaluation.published.reports import caution, fitting
from llmseg.evaluation.reports.scores import SUBSETS
from llmseg.evaluation.summary import TOO_SMALL, Summary

CAPTION = (
    "R-1, R-2, R-L: ROUGE F1 without stemming, x100 as BLEU and chrF are; interval: of R-L, 95 %, bootstrap; all but "
    "BLEU are means over reports\n"
    "negation, side: share of reports without a contradiction, of those whose two texts name the same finding (with a "
    "side); labels: micro F1 against MeSH tags but 'normal', (reference): of the true impressions. Cheap checks by "
    "rules, no substitute for CheXbert or RadGraph\n"
    "copied: share of the words that lie in four words in sequence from the input; empty, cut: share of reports"
)
PUBLISHED_CAPTION = (
    "as printed by others, x100; kind: what the ROUGE is, recall or F1. Recall grows with length: never compare it "
    "with F1; test sets may differ"
)
_WORDS = {"R-L by word": "rougeL_word_f"}
_SHARES = {"R-1": "rouge1_f", "R-2": "rouge2_f", "R-L": "rougeL_f"}
_REST = {"negation": "negation_ok", "side": "laterality_ok", "labels": "labels", "copied": "copied"}
_REFERENCE = "(reference)"


def table(summaries: Mapping[str, Summary], subset: str | None = None) -> list[list[str]]:
    """One row a method, to be rendered by `llmseg.cli.console.render`; the first row is the header.

    The last row tells which agreement with labels the true impressions have, where there are labels.

    Args:
        summaries: method -> what `summarise` says of it. Columns that no method has a value for are left out.
        subset: one of `SUBSETS`; None: all reports. Methods without it are left out.

    Raises:
        ValueError: there is no such subset.
    """
    if subset is not None and subset not in SUBSETS:
        raise ValueError(f"no subset {subset!r}: choose of {', '.join(SUBSETS)}")
    own = {name: each if subset is None else each["subsets"][subset] for name, each in summaries.items()}
    cells = {name: _cells(each) for name, each in own.items() if each is not None}
    if not cells:
        return [["method"]]
    columns = list(next(iter(cells.values())))
    kept = [name for name in columns if any(each[name] != "-" for each in cells.values())]
    rows = [["method", *kept], *([name, *(each[column] for column in kept)] for name, each in cells.items())]
    if "labels" in kept:
        best = next(each["labels_reference"] for each in own.values() if each is not None)
        ceiling = _digits(best["micro"] if best else None, 3)
        rows.append([_REFERENCE, *(ceiling if column == "labels" else "" for column in kept)])
    return rows


def tables(summaries: Mapping[str, Summary]) -> dict[str, list[list[str]]]:
    """Title -> table of all reports, and of each subset that there is; titles say how it is made."""
    found = {"all reports": table(summaries)}
    for name, meaning in SUBSETS.items():
        if len(rows := table(summaries, name)) > 1:
            found[f"{name}: {meaning}"] = rows
    return found


def published_table(data: str) -> list[list[str]]:
    """Published numbers on a data set (`data.name`): a header, then one row a system and kind, x100."""
    shown = {"rouge1": "R-1", "rouge2": "R-2", "rougeL": "R-L", "bleu": "BLEU"}
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in fitting(data):
        if row.metric in shown:
            rows.setdefault((row.system, row.kind, str(row.n or "-")), {})[row.metric] = row.value
    return [
        ["system", *shown.values(), "kind", "n"],
        *(
            [name, *(_percent(own.get(metric), 2) for metric in shown), kind, n]
            for (name, kind, n), own in rows.items()
        ),
    ]


def published_notes(data: str) -> list[str]:
    """What has to be read with `published_table`: the caption, a caution, remarks, and sources."""
    rows = fitting(data)
    remarks = dict.fromkeys(f"{row.system}: {row.note}" for row in rows if row.note)
    sources = dict.fromkeys(row.source for row in rows)
    cautions = [PUBLISHED_CAPTION, caution(data)] if rows else []
    return [note for note in (*cautions, *remarks, *sources) if note]


def _cells(summary: Summary) -> dict[str, str]:
    mean = dict(summary["mean"])
    mean["labels"] = (summary["labels"] or {}).get("micro")
    interval = summary["mean_interval"].get("rougeL_f")
    has_rouge = mean.get("rougeL_f") is not None
    between = " to ".join(map(_percent, interval)) if interval else TOO_SMALL if has_rouge else "-"
    return {
        **{title: _percent(mean.get(metric)) for title, metric in _SHARES.items()},
        "95 % interval": between,
        **{title: _percent(mean.get(metric)) for title, metric in _WORDS.items()},
        "BLEU": _percent(summary["bleu"]),
        "chrF": _percent(mean.get("chrf")),
        "similarity": _digits(mean.get("similarity"), 3),
        **{title: _digits(mean.get(metric), 3) for title, metric in _REST.items()},
        "words": _digits(mean.get("words"), 1),
        "empty": _percent(mean.get("is_empty")) + " %",
        "cut": _percent(mean.get("is_cut")) + " %",
        "reports": str(summary["reports"]),
    }


def _percent(value: Any, digits: int = 1) -> str:
    return _digits(None if value is None else 100 * value, digits)


def _digits(value: float | None, digits: int) -> str:
    return "-" if value is None or not isfinite(value) else f"{value:.{digits}f}"
