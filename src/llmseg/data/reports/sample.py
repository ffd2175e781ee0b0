"""A report as every reader gives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """One message of a chat.

    Attributes:
        role: system, user or assistant.
        content: its text.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Report:
    """What is known, and what was written about it.

    Attributes:
        id: unique within its file or data set.
        input: what the writer reads: findings, perhaps with clinical information; or the description of images.
        output: what was written: impression or advice; None where it is not known.
        instruction: what is asked for; None: as the prompt says.
        group: patient, or another unit that divisions never cross; empty: the report is its own.
        line: where it stands in its file, counted from one; a row's number in a table, without the header.
        labels: findings that the data set itself names, such as Open-i's MeSH tags, in lower case; None: it names none.
        turns: earlier messages of a chat, the last of them the user's; empty: there was no chat.
        fields: the columns that the report was made of, by name, for filters and tables.
    """

    id: str
    input: str
    output: str | None = None
    instruction: str | None = None
    group: str = ""
    line: int = 0
    labels: tuple[str, ...] | None = None
    turns: tuple[Turn, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
