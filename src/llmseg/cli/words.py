"""Words of a command line as Hydra reads them."""

import re

_QUOTES = ("'", '"')


def quoted(value: str) -> str:
    """A text in Hydra's quotes: unquoted, it takes no Chinese characters, brackets or commas."""
    if value in ("", "null") or value.startswith(_QUOTES):
        return value
    escaped = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"
