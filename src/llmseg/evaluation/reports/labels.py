"""Whether a text affirms what Open-i's MeSH tags say of the examination; a cheap check by a lexicon."""

from collections.abc import Collection, Sequence
from typing import Any

from llmseg.evaluation.reports.lexicon import findings
from llmseg.evaluation.reports.negation import statuses

NORMAL = "normal"
Labels = frozenset[str]


def gold(tags: Collection[str] | None) -> Labels | None:
    """Findings that MeSH tags mean.

    Args:
        tags: such as "cardiomegaly/mild" or "normal": a heading, then qualifiers in any order.

    Returns:
        Names of the lexicon, or "normal" alone; None where there are no tags or none that the lexicon knows: such a
        report takes no part.
    """
    parts = [[part.strip() for part in tag.lower().split("/")] for tag in tags or ()]
    found = {finding.name for finding in findings("en") if any(_means(wanted, parts) for wanted in finding.tags)}
    if not found and [NORMAL] in parts:
        return frozenset({NORMAL})
    return frozenset(found) or None


def affirmed(text: str, language: str = "en") -> Labels:
    """Findings with a tag that a text affirms; "normal" where it has words, but affirms none of them.

    Nothing in a language in which no finding has a tag: MeSH tags are of English reports only.
    """
    known = {finding.name for finding in findings(language) if finding.tags}
    if not known:
        return frozenset()
    found = {name for name, is_there in statuses(text, language).items() if is_there and name in known}
    return frozenset(found or ({NORMAL} if text.strip() else ()))


def f1(wanted: Labels, found: Labels) -> float:
    """Dice of two sets of labels: F1 within one report; "normal" is a label as the others are."""
    return 2 * len(wanted & found) / (len(wanted) + len(found)) if wanted or found else 0.0


def agreement(wanted: Sequence[Labels], found: Sequence[Labels]) -> dict[str, Any]:
    """F1 over reports.

    Args:
        wanted: of `gold`, one a report.
        found: of `affirmed`, in the same order.

    Returns:
        JSON-ready: `micro` (all findings' hits and errors together), `macro` (mean over the findings that occur in
        `wanted`), both without "normal", which would hide them; `normal`, its own F1; `reports`; `each`, finding ->
        f1 and n, the reports that have it. None where nothing of the kind occurs.
    """
    names = sorted({name for own in wanted for name in own} - {NORMAL})
    extra = {name for own in found for name in own} - {NORMAL}
    counts = {name: _counts(name, wanted, found) for name in {*names, *extra, NORMAL}}
    each = {name: _f1(*counts[name]) or 0.0 for name in names}
    together = [sum(counts[name][place] for name in {*names, *extra}) for place in range(3)]
    return {
        "micro": _f1(*together) if names else None,
        "macro": sum(each.values()) / len(each) if each else None,
        "normal": _f1(*counts[NORMAL]) if any(NORMAL in own for own in wanted) else None,
        "reports": len(wanted),
        "each": {name: {"f1": each[name], "n": counts[name][0] + counts[name][2]} for name in names},
    }


def _means(wanted: str, tags: Sequence[Sequence[str]]) -> bool:
    heading, *qualifiers = wanted.split("/")
    return any(tag[0] == heading and set(qualifiers) <= set(tag[1:]) for tag in tags)


def _counts(name: str, wanted: Sequence[Labels], found: Sequence[Labels]) -> tuple[int, int, int]:
    """Hits, false alarms, misses."""
    pairs = [(name in own, name in other) for own, other in zip(wanted, found, strict=True)]
    return pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False))


def _f1(hits: int, alarms: int, misses: int) -> float | None:
    total = 2 * hits + alarms + misses
    return 2 * hits / total if total else None
