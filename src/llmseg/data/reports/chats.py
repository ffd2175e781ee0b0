"""Chats as JSON: `messages` with role and content, or ShareGPT's `conversations` with from and value."""

from collections.abc import Mapping
from typing import Any, NoReturn

from llmseg.data.reports.columns import Reading, as_text
from llmseg.data.reports.rows import Rows
from llmseg.data.reports.sample import Report, Turn
from llmseg.errors import DataError

KEYS = {"messages": ("role", "content"), "conversations": ("from", "value")}
_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


def is_chat(row: Any) -> bool:
    """Whether a JSON object holds a chat."""
    return isinstance(row, Mapping) and any(isinstance(row.get(key), list) for key in KEYS)


def chats_of(rows: Rows) -> Reading:
    """Reports of chats: the last message, the assistant's, is the output, and the user's before it the input.

    A chat is an optional system message, then user and assistant in turn. `id` and `group` are taken where the objects
    have them.

    Raises:
        DataError: names the line and the message: a role that is unknown or out of turn, a content that is no text, no
            last message of the assistant's, an id that is there twice.
    """
    reports = [_report(row, number, rows.place(number)) for number, row in zip(rows.numbers, rows.rows, strict=True)]
    first: dict[str, Report] = {}
    for report in reports:
        if (other := first.setdefault(report.id, report)) is not report:
            raise DataError(f"{rows.place(report.line)}: id {report.id} is that of {rows.unit} {other.line} too")
    return Reading(reports, rows.unit, "the user's last message", "the assistant's last message")


def _report(row: Mapping[str, Any], number: int, place: str) -> Report:
    turns = _turns(row, place)
    fields = {name: as_text(value) for name, value in row.items() if name not in KEYS}
    return Report(
        id=fields.get("id") or str(number),
        input=turns[-2].content,
        output=turns[-1].content,
        group=fields.get("group", ""),
        line=number,
        turns=tuple(turns[:-1]),
        fields=fields,
    )


def _turns(row: Mapping[str, Any], place: str) -> list[Turn]:
    key = next((key for key in KEYS if key in row), None)
    if key is None:
        _fail(place, f"has no key 'messages' (there is {', '.join(row)}): every line must be a chat")
    messages = row[key]
    if not isinstance(messages, list) or not messages:
        _fail(place, f"key {key!r} must be a list of messages")
    turns = [_turn(message, *KEYS[key], f"{place}, message {n}") for n, message in enumerate(messages, start=1)]
    spoken = turns[1:] if turns[0].role == "system" else turns
    skipped = len(turns) - len(spoken)
    for index, turn in enumerate(spoken):
        expected = ("user", "assistant")[index % 2]
        if turn.role != expected:
            _fail(f"{place}, message {index + skipped + 1}", f"is the {turn.role}'s, where the {expected}'s must be")
    if len(spoken) < 2 or spoken[-1].role != "assistant":
        _fail(place, "the last message must be the assistant's, after one of the user's: it is what is learnt")
    return turns


def _turn(message: Any, role_key: str, content_key: str, place: str) -> Turn:
    if not isinstance(message, Mapping):
        _fail(place, f"must be an object with {role_key!r} and {content_key!r}")
    role, content = message.get(role_key), message.get(content_key)
    if not isinstance(role, str) or role not in _ROLES:
        _fail(place, f"key {role_key!r} is {role!r}: choose {', '.join(_ROLES)}")
    if not isinstance(content, str):
        _fail(place, f"key {content_key!r} must be a text in quotes")
    return Turn(_ROLES[role], content.strip())


def _fail(place: str, what: str) -> NoReturn:
    raise DataError(f"{place}: {what}")
