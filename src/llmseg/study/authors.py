"""Who wrote which network: the rows of authors.csv, keyed by the name of the network's file in conf/model."""

import csv
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Author:
    """One LLM as the author of a network; None where the study (Ankilab, LLM_based_Segmentation) does not say.

    Attributes:
        name: of the network's configuration, conf/model/<name>.yaml.
        llm: the LLM that wrote the network.
        company: behind the LLM's family.
        version: of the LLM, in the study's words.
        year: of the study's round, not of the LLM's release.
        reasoning: whether the study counts the LLM among the reasoning ones.
        open_weights: whether the study's table says so.
        character_limit: of the input at the time.
        token_limit: at the time.
        network: name of the first author of the same function; authors who share it wrote one network, apart from the
            order in which skips are concatenated, convolution biases that batch norm cancels, and dropout.
        note: a remark.
    """

    name: str
    llm: str
    company: str | None
    version: str | None
    year: int
    reasoning: bool | None
    open_weights: bool | None
    character_limit: int | None
    token_limit: int | None
    network: str
    note: str | None


def authors() -> dict[str, Author]:
    """All authors by the name of their network's configuration, in the study's order.

    Raises:
        ValueError: a cell of authors.csv cannot be read, or a name stands there twice.
    """
    text = resources.files("llmseg.study").joinpath("authors.csv").read_text(encoding="utf-8")
    rows = [_author(row) for row in csv.DictReader(text.splitlines(), strict=True)]
    by_name = {author.name: author for author in rows}
    if len(by_name) < len(rows):
        raise ValueError("authors.csv: two rows have the same name")
    return by_name


def _author(row: dict[str, str]) -> Author:
    return Author(
        name=row["name"],
        llm=row["llm"],
        company=row["company"] or None,
        version=row["version"] or None,
        year=int(row["year"]),
        reasoning=_yes_or_no(row["reasoning"]),
        open_weights=_yes_or_no(row["open_weights"]),
        character_limit=_number(row["character_limit"]),
        token_limit=_number(row["token_limit"]),
        network=row["network"],
        note=row["note"] or None,
    )


def _number(cell: str) -> int | None:
    return int(cell) if cell else None


def _yes_or_no(cell: str) -> bool | None:
    if cell not in ("yes", "no", ""):
        raise ValueError(f"authors.csv: {cell!r} must be yes, no or empty")
    return cell == "yes" if cell else None
