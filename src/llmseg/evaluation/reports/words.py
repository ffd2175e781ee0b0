"""What counts as a word, in English and in Chinese, and where a sentence ends."""

import re
import unicodedata
from collections.abc import Callable

from llmseg.evaluation.reports.optional import need

Words = Callable[[str], list[str]]
"""From a text to its words."""

_ENGLISH = re.compile(r"[a-z0-9]+")
# Numbers with their decimals and words of Latin letters stay whole; everything else is a word by the character.
_MIXED = re.compile(r"\d+(?:\.\d+)?|[a-zà-ɏ][a-z0-9à-ɏ]*|[^\W_]")
# A full stop ends a sentence before a space only, so that decimals stay whole; Chinese marks always do.
_END = re.compile(r"[.!?;]+(?=\s|$)|[。！？；]+|[\r\n]+")  # noqa: RUF001
_LETTER = re.compile(r"[^\W\d_]")


def english(text: str) -> list[str]:
    """Runs of a to z and 0 to 9 in lower case, without stemming: the default of the package rouge-score."""
    return _ENGLISH.findall(text.lower())


def characters(text: str) -> list[str]:
    """Chinese by the character; Latin words and numbers ("17.8") whole; punctuation left out.

    Full-width letters and digits are read as the usual ones (Unicode NFKC).
    """
    return _MIXED.findall(_plain(text))


def jieba_words(text: str) -> list[str]:
    """Chinese words as jieba's own dictionary finds them; punctuation left out.

    Raises:
        UserError: jieba is not installed.
    """
    need("jieba", "ROUGE by Chinese words")
    import jieba  # type: ignore[import-untyped, unused-ignore]

    jieba.setLogLevel("WARNING")
    return [word for word in jieba.lcut(_plain(text)) if _MIXED.search(word)]


def words_of(language: str) -> Words:
    """Words of a language: Chinese ("zh") by the character, others as rouge-score has them."""
    return characters if language == "zh" else english


def sentences(text: str) -> list[str]:
    """Sentences without their ends; pieces without a letter, such as "1.", are left out."""
    return [piece.strip() for piece in _END.split(text) if _LETTER.search(piece)]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()
