"""How numbers are printed on the pages."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

Line = dict[str, str]
Part = str | Sequence[Mapping[str, Any]]
"""Text, or rows of a table."""

_WIDTH = 120


def short(value: float | None, digits: int = 3) -> str:
    """`.871`, `-.233`, `1.29`; a whole 1 is `1`, nothing is empty."""
    if value is None:
        return ""
    if value == 1:
        return "1"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def signed(value: float | None, digits: int = 3) -> str:
    """`+.004`, `-.058`."""
    if value is None:
        return ""
    text = short(value, digits)
    return text if text.startswith("-") else f"+{text}"


def interval(low: float | None, high: float | None, digits: int = 3, form: Any = short) -> str:
    """`[.858, .882]`."""
    return "" if low is None or high is None else f"[{form(low, digits)}, {form(high, digits)}]"


def with_interval(value: float, ends: Sequence[float] | None, digits: int = 3) -> str:
    """`.871 [.858, .882]`."""
    return f"{short(value, digits)} {interval(ends[0], ends[1], digits)}" if ends else short(value, digits)


def p_value(p: float | str | None, digits: int = 3) -> str:
    """`<.001`, `.011`, `1`; a text stays."""
    if p is None or isinstance(p, str):
        return p or ""
    return "<.001" if p < 0.001 else short(p, digits)


def percent(share: float, digits: int = 0) -> str:
    """`41 %`."""
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """`47 s`, `18.6 min`, `1 h 46 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def several(words: Iterable[str]) -> str:
    """`a, b and c`."""
    known = list(words)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"


def paragraph(*sentences: str, bullet: bool = False) -> str:
    """Sentences in lines of the page's width; a bullet's further lines are indented."""
    return fill(
        " ".join(sentences), _WIDTH, initial_indent="- " if bullet else "", subsequent_indent="  " if bullet else "",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
