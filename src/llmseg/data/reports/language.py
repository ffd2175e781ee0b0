"""In which language reports are written."""

import re
from collections.abc import Iterable

_HAN = re.compile(r"[\u4e00-\u9fff]")


def language_of(texts: Iterable[str]) -> str:
    """`zh` where more than half of the texts have a Chinese character, otherwise `en`."""
    found = [bool(_HAN.search(text)) for text in texts]
    return "zh" if sum(found) > len(found) / 2 else "en"
