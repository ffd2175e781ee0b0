"""Lists of numbers in a text that a language model wrote."""

import re
from collections.abc import Iterator

_LIST = re.compile(r"\[([^\[\]]*)\]")
_KEYED = re.compile(r"""["'](?:bbox_2d|bbox|box)["']\s*:\s*(?:\[\s*)?\[([^\[\]]*)\]""")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", re.ASCII)
Y_FIRST = re.compile(r"""["']box_2d["']\s*:""")
"""Gemini's and Gemma's key, whose list has y first."""


def number_lists(text: str) -> Iterator[list[float] | str]:
    """Every innermost list in square brackets, as numbers or as the reason why it is not one of numbers.

    Where there are keys such as `bbox_2d`, only what follows them counts. Empty lists are left out.
    """
    found = _KEYED.findall(text) or _LIST.findall(text)
    for inside in found:
        if inside.strip():
            yield numbers(inside)


def numbers(text: str) -> list[float] | str:
    """Numbers between commas, or the reason why they are none; one too large for a float is infinite."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        return "a list of something else than numbers"
    return [float(part) for part in parts]


def is_empty_list(text: str) -> bool:
    """Tell whether a text holds an empty list and no other."""
    inside = _LIST.findall(text)
    return bool(inside) and not any(part.strip() for part in inside)
