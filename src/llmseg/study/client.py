"""Who answers: an endpoint, a model in this process, or a transcript."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from llmseg.errors import ConfigError, UserError
from llmseg.study.transcript import Message, Reply, read_replies


class Client(Protocol):
    """An author that answers.

    Attributes:
        model: its name for tables.
    """

    model: str

    def ask(self, messages: Sequence[Message]) -> Reply:
        """The next answer of a conversation.

        Raises:
            UserError: there is none to be had.
            Exhausted: there never will be one.
        """
        ...


class ExhaustedError(Exception):
    """An author that has nothing more to say: a transcript at its end."""


def connect(author: Mapping[str, Any]) -> Client:
    """The client of a plain `author` node.

    Raises:
        ConfigError: no such client, or keys that cannot be right.
        UserError: a package, a key in the environment or a transcript is missing.
    """
    kind = author["client"]
    if kind == "openai":
        from llmseg.study.endpoint import Endpoint

        return Endpoint(author)
    if kind == "local":
        from llmseg.study.local import Local

        return Local(author)
    if kind == "recorded":
        return Recorded(author)
    raise ConfigError(f"author.client={kind}: choose openai, local, recorded or nnunet")


class Recorded:
    """The answers of an earlier study in their order, whatever is asked.

    Args:
        author: the `author` node, with `transcript`.

    Raises:
        UserError: see `read_replies`.
    """

    def __init__(self, author: Mapping[str, Any]) -> None:
        if not author["transcript"]:
            raise ConfigError("author.transcript: name the folder of a study, or its messages.jsonl")
        self._replies = read_replies(Path(author["transcript"]).expanduser())
        self.model = author["model"] or self._replies[0].model or "recorded"

    def ask(self, messages: Sequence[Message]) -> Reply:
        """The answer that comes next after those in the conversation."""
        number = sum(message["role"] == "assistant" for message in messages)
        if number >= len(self._replies):
            raise ExhaustedError("the transcript has no further answer")
        return self._replies[number]


def require_model(author: Mapping[str, Any]) -> str:
    """The name of the model that is asked.

    Raises:
        UserError: there is none.
    """
    if not author["model"]:
        raise UserError(f"author.model: say which model author={author['name']} is to ask")
    return str(author["model"])
