"""`did you mean`: the nearest of the names that there are."""

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 25  # names in a message


def hint(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """Return `, did you mean <prefix><nearest choice>?`, or the list of choices where none is near."""
    known = sorted(set(choices))
    near = get_close_matches(name.lower(), [choice.lower() for choice in known], n=1)
    if near:
        match = next(choice for choice in known if choice.lower() == near[0])
        return f", did you mean {prefix}{match}?"
    listed = [choice for choice in known if not choice.startswith("_")]  # Hydra's own keys help nobody who mistyped
    shown = ", ".join(listed[:_LISTED]) + (", ..." if len(listed) > _LISTED else "")
    return f"; there is {shown}" if shown else ""


def near_path(path: str, siblings: Iterable[str], known: Iterable[str]) -> str:
    """Return `, did you mean a.b.c?` for a dotted path: a key beside it that looks alike, or the same key elsewhere."""
    parent, _, name = path.rpartition(".")
    near = hint(name, siblings, prefix=f"{parent}." if parent else "")
    same = sorted(key for key in known if key.rpartition(".")[2] == name)
    return f", did you mean {same[0]}?" if same and not near.startswith(",") else near
