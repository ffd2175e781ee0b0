"""BLEU and chrF, by the package sacrebleu; from 0 to 1 here, where sacrebleu has 0 to 100."""

from collections.abc import Sequence

from llmseg.evaluation.reports.optional import need


def corpus_bleu(references: Sequence[str], texts: Sequence[str], language: str = "en") -> float:
    """BLEU of all texts together (Papineni et al. 2002), up to four words, case kept; 0 where there is no text.

    Args:
        references: one a text.
        texts: in the same order.
        language: Chinese ("zh") is divided by the character, others as in WMT ("13a").

    Raises:
        UserError: sacrebleu is not installed.
        ValueError: there are more references than texts, or fewer.
    """
    need("sacrebleu", "BLEU")
    from sacrebleu.metrics.bleu import BLEU

    if len(references) != len(texts):
        raise ValueError(f"{len(references)} references for {len(texts)} texts")
    if not any(text.strip() for text in texts):
        return 0.0
    # `force` only silences a hint on text that looks tokenised, which de-identified reports do.
    bleu = BLEU(tokenize="zh" if language == "zh" else "13a", force=True)
    return float(bleu.corpus_score(list(texts), [list(references)]).score / 100)


def chrf(references: Sequence[str], texts: Sequence[str]) -> list[float]:
    """ChrF of each text (Popovic 2015): F2 of sequences of up to six characters, without spaces.

    Args:
        references: one a text.
        texts: in the same order.

    Raises:
        UserError: sacrebleu is not installed.
        ValueError: there are more references than texts, or fewer.
    """
    need("sacrebleu", "chrF")
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF()
    pairs = zip(references, texts, strict=True)
    return [float(metric.sentence_score(text, [own]).score / 100) for own, text in pairs]
