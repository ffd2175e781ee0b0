"""The conversation on disk: one JSON message a line, each written whole and at once."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmseg.errors import UserError

Message = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer of an author.

    Attributes:
        content: its text.
        tokens_in: of the conversation so far; None where nobody counted.
        tokens_out: of the answer; None where nobody counted.
        seconds: until it was complete, retries included.
        model: that answered, with its version where the endpoint says so.
        finish_reason: stop, length (cut off), or the endpoint's own word.
    """

    content: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    model: str = ""
    finish_reason: str | None = "stop"


class Transcript:
    """messages.jsonl of a study: user and assistant in turn.

    Args:
        path: of the file, which need not be there yet. A last line that a killed process left unfinished is cut away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = path.read_bytes() if path.is_file() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
        self.messages = list(_parsed(content[:whole], path))

    def of(self, role: str) -> list[Message]:
        """The messages of `user` or `assistant`."""
        return [message for message in self.messages if message["role"] == role]

    def say(self, text: str) -> None:
        """Append a message to the author."""
        self._append({"role": "user", "content": text})

    def answer(self, reply: Reply) -> None:
        """Append an author's answer."""
        self._append({"role": "assistant", **asdict(reply)})

    def _append(self, message: Message) -> None:
        line = json.dumps(message, ensure_ascii=False) + "\n"
        with self.path.open("ab") as file:
            file.write(content := line.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        self.messages.append(json.loads(content))  # as a study that is resumed reads it: without lone surrogates


def read_replies(path: Path) -> list[Reply]:
    """The answers of a recorded study.

    Args:
        path: its folder, or its messages.jsonl.

    Raises:
        UserError: not there, or no transcript.
    """
    file = path / "messages.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"author.transcript={path}: no messages.jsonl there; give the folder of a study, or that file")
    fields = Reply.__dataclass_fields__
    replies = [
        Reply(**{key: value for key, value in message.items() if key in fields})
        for message in _parsed(file.read_bytes(), file)
        if message["role"] == "assistant"
    ]
    if not replies:
        raise UserError(f"author.transcript={path}: no answer in it")
    return replies


def _parsed(content: bytes, path: Path) -> Iterator[Message]:
    # not splitlines: answers may hold separators that are no line feed
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            message = json.loads(line)
            if not isinstance(message["role"], str) or not isinstance(message["content"], str):
                raise TypeError
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}, line {number}: no message (an object with role and content)") from error
        yield message
