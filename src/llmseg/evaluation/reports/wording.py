"""How long an answer is, and how much of it was merely copied."""

from collections.abc import Sequence
from math import nan

from llmseg.evaluation.reports.words import words_of

NGRAM = 4


def wording(source: str, reference: str, text: str, language: str = "en") -> dict[str, float]:
    """Lengths of an answer, and how much of it stands in what the writer read.

    Args:
        source: what the writer read.
        reference: what was to be written.
        text: what was written.
        language: says what a word is: in Chinese ("zh") a character.

    Returns:
        words; characters (without those around the text); length_ratio, words divided by those of the reference (NaN
        where it has none); copied, see `copy_rate`; is_empty, 1 or 0.
    """
    words = words_of(language)
    own, wanted = words(text), words(reference)
    return {
        "words": float(len(own)),
        "characters": float(len(text.strip())),
        "length_ratio": len(own) / len(wanted) if wanted else nan,
        "copied": copy_rate(words(source), own),
        "is_empty": float(not text.strip()),
    }


def copy_rate(source: Sequence[str], words: Sequence[str], n: int = NGRAM) -> float:
    """Share of an answer's words that lie in some sequence of n words which the source has, too.

    Akin to the "coverage" of extractive fragments (Grusky et al. 2018), with a least length, since single words are
    shared by chance.

    Args:
        source: words of what the writer read.
        words: of the answer.
        n: words in sequence; an answer with fewer is taken as one sequence.

    Returns:
        From 0 to 1; NaN without words.
    """
    n = min(n, len(words))
    if not n:
        return nan
    known = {tuple(source[first : first + n]) for first in range(len(source) - n + 1)}
    copied: set[int] = set()
    for first in range(len(words) - n + 1):
        if tuple(words[first : first + n]) in known:
            copied.update(range(first, first + n))
    return len(copied) / len(words)
