"""Text for an author: the end of what a program printed, without places of this machine."""

import re
import sys
import tempfile
from pathlib import Path

_LONGEST = 6000  # characters
_PACKAGES = re.compile(r"/[^\s\"':]*/(?=site-packages/)")
_LIBRARY = re.compile(r"/[^\s\"':]*/lib/(?=python3\.\d+/)")


def scrub(text: str) -> str:
    """Paths of the interpreter begin with site-packages/ or python3.x/, and other folders of this machine are gone."""
    text = _LIBRARY.sub("", _PACKAGES.sub("", text))
    for folder in {sys.prefix, sys.base_prefix, str(Path.home()), str(Path(__file__).resolve().parents[3])} - {"/"}:
        text = text.replace(f"{folder}/", "")
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[^/\s\"']+(?=/)", "/box/code", text)


def tail(text: str, longest: int = _LONGEST) -> str:
    """The end of a text from the beginning of a line, and before it how much is left out."""
    text = text.strip("\n")
    if len(text) <= longest:
        return text
    end = text[-longest:].partition("\n")[2] or text[-longest:]
    return f"[{len(text) - len(end)} characters left out]\n{end}"


def traceback_of(stderr: str) -> str:
    """What is worth showing of an error stream: from its last traceback on, but not warnings and progress bars."""
    lines = [line.rpartition("\r")[2] for line in stderr.splitlines()]
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    return "\n".join(lines[starts[-1] :] if starts else lines)
