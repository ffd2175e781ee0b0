"""Which findings a text affirms and which it denies, and whether two texts contradict each other.

A few rules in the manner of NegEx (Chapman et al. 2001): cheap, and no substitute for CheXbert or RadGraph. An
uncertain finding ("possible", "cannot be excluded") counts as affirmed; one that is merely to be looked for does, too.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from llmseg.evaluation.reports.lexicon import Finding, findings
from llmseg.evaluation.reports.words import sentences


@dataclass(frozen=True)
class Mention:
    """One place where a finding is named.

    Attributes:
        finding: its name in the lexicon.
        sentence: where, in lower case.
        start: first character within the sentence.
        end: the one after its last.
        is_negated: it is denied there.
    """

    finding: str
    sentence: str
    start: int
    end: int
    is_negated: bool


@dataclass(frozen=True)
class _Rules:
    """How a language denies.

    Attributes:
        before: words that deny what follows in their scope.
        after: words that deny what came before.
        pseudo: wordings that look like a denial and are none.
        ends: what ends a scope; so does a sentence.
    """

    before: re.Pattern[str]
    after: re.Pattern[str]
    pseudo: re.Pattern[str]
    ends: re.Pattern[str]


_ENGLISH = _Rules(
    before=re.compile(
        r"\b(?:no|not|without|nor|neither|never|denies|negative for|free of|clear of|absence of|absent|resolution of"
        r"|resolved|removal of|rather than)\b"
    ),
    after=re.compile(
        r"\bnot (?:\w+ )?(?:seen|identified|present|evident|visuali[sz]ed|demonstrated|appreciated|noted)\b"
        r"|\bno longer\b|\b(?:is|are|was|were) (?:absent|unlikely)\b"
        r"|\b(?:has|have|is|are) (?:now )?(?:resolved|cleared)\b|\bruled out\b"
    ),
    pseudo=re.compile(
        r"\b(?:no|not|without)(?: \w+){0,3} (?:chang\w+|increase\w*|decrease\w*|progress\w*|different)\b|\bnot only\b"
        r"|\bcan ?not(?: \w+){0,2} (?:exclude\w*|rule\w*)(?: out)?\b|\bnot(?: \w+)? (?:excluded|ruled out)\b"
        r"|\bno (?:prior|previous|comparison|old)\b"
    ),
    ends=re.compile(
        r"\b(?:but|however|although|though|except|apart from|aside from|other than|otherwise|which|due to|secondary to"
        r"|there (?:is|are)|with(?! no\b))\b|:"
        r"|(?:,|\band\b) ?(?:stable|unchanged|mild(?:ly)?|moderate|status|again|likely|persistent)\b"
        r"|\b(?:seen|identified|noted|present|evident),"
    ),
)
_CHINESE = _Rules(
    before=re.compile(r"未见|未及|未发现|未显示|未提示|未触及|没有|不伴|排除|除外|否认|无"),
    after=re.compile(r"消失|阴性"),
    pseudo=re.compile(
        r"(?:未见|无|没有)(?:明显|显著)?(?:变化|改变|增大|缩小)(?![的之]?淋巴结)"
        r"|(?:不|未|不能|无法|难以|未能|不完全)(?:完全)?(?:排除|除外)|无名"
    ),
    ends=re.compile(r"[，,：:;]|但|而|伴(?<!不伴)|合并"),  # noqa: RUF001
)


def mentions(text: str, language: str = "en") -> list[Mention]:
    """Every place where a text names a finding of the lexicon, sentence by sentence."""
    rules = _CHINESE if language == "zh" else _ENGLISH
    found = []
    for sentence in sentences(text.lower()):
        # Pseudo-negations are blanked out, so that positions stay.
        plain = rules.pseudo.sub(lambda match: " " * len(match[0]), sentence)
        for finding, own, absent in _patterns(language):
            for match in own.finditer(sentence):
                negated = _is_negated(plain, match.start(), match.end(), rules)
                found.append(Mention(finding.name, sentence, match.start(), match.end(), negated))
            if absent:
                spans = [match.span() for match in absent.finditer(sentence)]
                found += [Mention(finding.name, sentence, start, end, True) for start, end in spans]
    return found


def statuses(text: str, language: str = "en") -> dict[str, bool]:
    """Finding -> whether it is affirmed anywhere; False: it is named only to deny it."""
    found: dict[str, bool] = {}
    for mention in mentions(text, language):
        found[mention.finding] = found.get(mention.finding, False) or not mention.is_negated
    return found


def contradicted(reference: str, text: str, language: str = "en") -> list[str] | None:
    """Findings that one of two texts affirms and the other denies.

    Returns:
        Their names; empty where the texts agree on every finding that both name; None where they share none.
    """
    first, second = statuses(reference, language), statuses(text, language)
    shared = sorted(first.keys() & second.keys())
    return [name for name in shared if first[name] != second[name]] if shared else None


def _is_negated(sentence: str, start: int, end: int, rules: _Rules) -> bool:
    """Whether a denial reaches a finding, which may hold the word of denial itself."""
    before = any(
        match.start() < end and not rules.ends.search(sentence, match.end(), max(start, match.end()))
        for match in rules.before.finditer(sentence)
    )
    return before or any(
        not rules.ends.search(sentence, end, match.start()) for match in rules.after.finditer(sentence, end)
    )


@lru_cache
def _patterns(language: str) -> tuple[tuple[Finding, re.Pattern[str], re.Pattern[str] | None], ...]:
    return tuple(
        (each, re.compile(each.pattern), re.compile(each.absent) if each.absent else None)
        for each in findings(language)
    )
