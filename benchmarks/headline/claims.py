"""Sentences that say more than a number: they are written only while the results bear them out."""


class OutdatedError(ValueError):
    """Results no longer say what a sentence says; it has to be rewritten."""


def claim(holds: bool, text: str) -> str:
    """The text, where it holds.

    Raises:
        OutdatedError: it does not.
    """
    if not holds:
        raise OutdatedError(f"the results no longer say this, rewrite it in benchmarks/headline: {text}")
    return text
