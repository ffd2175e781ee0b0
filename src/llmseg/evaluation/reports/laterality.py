"""On which side a text says that a finding is, and whether two texts agree on it; a cheap check by rules."""

import re

from llmseg.evaluation.reports.negation import Mention, mentions

LEFT, RIGHT, BILATERAL = "left", "right", "bilateral"

_ENGLISH = re.compile(
    r"(?P<bilateral>\bbilateral\w*|\bbi(?:basilar|basal|apical)\b|\bboth\b|\bright and left\b|\bleft and right\b"
    r"|\b(?:right|left) (?:greater|worse|more) than (?:the )?(?:right|left)\b)"
    r"|(?P<left>\bleft\b|\bl[ul]l\b|\blingula\w*)|(?P<right>\bright\b|\br[uml]l\b)"
)
# 左右 after a number means "about"; 双轨 is a sign of the bronchi.
_CHINESE = re.compile(r"(?P<bilateral>双(?!轨)|两侧|两肺|两肾)|(?P<left>左(?!右))|(?P<right>(?<!左)右)")
_JOINT = re.compile(r"\b(?:and|with)\b|,")  # what follows it has a side of its own
_REACH = 60  # characters between a finding and its side, so that a long sentence does not join what is unrelated


def sides(text: str, language: str = "en") -> dict[str, str]:
    """Finding -> left, right or bilateral, of those that a text affirms and gives a side.

    A mention has the side nearest to it in its sentence, in Chinese the last one before it; in English one after it
    counts, too ("opacity in the left base"), unless "and", "with" or a comma stands between. A finding named on both
    sides, at one place or at two, is bilateral.
    """
    found: dict[str, str] = {}
    for mention in mentions(text, language):
        side = None if mention.is_negated else _side(mention, language)
        if side is not None:
            found[mention.finding] = side if found.get(mention.finding, side) == side else BILATERAL
    return found


def misplaced(reference: str, text: str, language: str = "en") -> list[str] | None:
    """Findings to which two texts give different sides; None where there is none that has a side in both."""
    first, second = sides(reference, language), sides(text, language)
    shared = sorted(first.keys() & second.keys())
    return [name for name in shared if first[name] != second[name]] if shared else None


def _side(mention: Mention, language: str) -> str | None:
    pattern = _CHINESE if language == "zh" else _ENGLISH
    near: list[tuple[int, str]] = []
    for match in pattern.finditer(mention.sentence):
        before, after = mention.start - match.end(), match.start() - mention.end
        if after >= 0 and (language == "zh" or _JOINT.search(mention.sentence, mention.end, match.start())):
            continue
        # Within the finding's own words both are negative: nearest of all.
        near.append((max(before, after, 0), str(match.lastgroup)))
    distance, side = min(near, key=lambda each: each[0], default=(_REACH + 1, ""))
    return side if distance <= _REACH else None
