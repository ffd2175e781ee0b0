"""Any LLM behind an OpenAI-compatible endpoint; the key comes from the environment and goes nowhere else."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmseg.errors import ConfigError, UserError
from llmseg.optional import require
from llmseg.study.client import require_model
from llmseg.study.transcript import Message, Reply

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

log = logging.getLogger("llmseg")
_LONGEST_WAIT = 120.0
_SAMPLING = ("temperature", "seed", "max_tokens")


class _CutError(Exception):
    """A connection that ended in the middle of an answer."""


class Endpoint:
    """A chat-completions endpoint with retries of its own.

    Args:
        author: the `author` node.
        sleep: waits so many seconds.

    Raises:
        ConfigError: an address or numbers that cannot be right.
        UserError: the package `openai`, the model's name or the key is missing.
    """

    def __init__(self, author: Mapping[str, Any], sleep: Callable[[float], None] = time.sleep) -> None:
        name = f"author={author['name']}"
        require("openai", name)
        from openai import OpenAI

        self.model = require_model(author)
        self._author, self._sleep = author, sleep
        self._place = _place(author["base_url"])
        variable = author["key_variable"]
        self._key = os.environ.get(variable, "") if variable else ""
        if variable and not self._key:
            raise UserError(
                f"{name}: set the environment variable {variable} to your key, or author.key_variable=null for a "
                "server that needs none"
            )
        self._client = OpenAI(
            api_key=self._key or "none", base_url=author["base_url"], timeout=author["timeout"], max_retries=0
        )

    def ask(self, messages: Sequence[Message]) -> Reply:
        """The next answer; 429, 5xx and cut connections are tried again.

        Raises:
            UserError: the endpoint refuses, or cannot be reached after all retries; one line, never with the key.
        """
        start = perf_counter()
        conversation = [{"role": message["role"], "content": message["content"]} for message in messages]
        for attempt in range(self._author["retries"] + 1):
            try:
                reply = self._stream(conversation) if self._author["stream"] else self._whole(conversation)
                return Reply(**{**vars(reply), "seconds": perf_counter() - start})
            except Exception as error:
                why = self._described(error)
                if attempt == self._author["retries"] or not _is_temporary(error):
                    raise UserError(why) from None  # the chain may hold headers
                seconds = _pause(error, self._author["wait"] * 2**attempt)
                log.warning(f"{why}; trying again in {seconds:.0f} s ({attempt + 1} of {self._author['retries']})")
                self._sleep(seconds)
        raise AssertionError("unreachable")

    def _request(self, conversation: list[dict[str, str]]) -> dict[str, Any]:
        sampling = {key: self._author[key] for key in _SAMPLING if self._author[key] is not None}
        extra = {"extra_body": dict(self._author["options"])} if self._author["options"] else {}
        return {"model": self.model, "messages": conversation, **sampling, **extra}

    def _whole(self, conversation: list[dict[str, str]]) -> Reply:
        answer: ChatCompletion = self._client.chat.completions.create(**self._request(conversation))
        if not getattr(answer, "choices", None) or answer.choices[0].message is None:
            raise _CutError("answered without a message")
        usage, choice = answer.usage, answer.choices[0]
        return Reply(
            self._clean(choice.message.content or ""),
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
            model=answer.model or self.model,
            finish_reason=choice.finish_reason,
        )

    def _stream(self, conversation: list[dict[str, str]]) -> Reply:
        parts: list[str] = []
        finish, usage, model = None, None, ""
        request = self._request(conversation) | {"stream": True, "stream_options": {"include_usage": True}}
        with self._client.chat.completions.create(**request) as chunks:
            for chunk in chunks:
                usage, model = chunk.usage or usage, chunk.model or model
                for choice in chunk.choices:
                    parts.append((choice.delta.content if choice.delta else None) or "")
                    finish = choice.finish_reason or finish
        if finish is None:
            raise _CutError("ended in the middle of an answer")
        return Reply(
            self._clean("".join(parts)),
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
            model=model or self.model,
            finish_reason=finish,
        )

    def _clean(self, text: str) -> str:
        """Without the key, which a server may repeat."""
        return text.replace(self._key, "***") if len(self._key) > 3 else text

    def _described(self, error: Exception) -> str:
        from openai import APIConnectionError, APIStatusError

        where = f"author={self._author['name']}: {self._place}"
        if isinstance(error, APIStatusError):
            # what refuses a key may repeat a part of it
            why = "" if error.status_code in (401, 403) else f": {' '.join(error.message.split())[:300]}"
            return self._clean(f"{where} answered {error.status_code} ({type(error).__name__}{why})")
        why = f": {error}" if isinstance(error, _CutError) else ""
        if isinstance(error, APIConnectionError):
            why = ": is a server running there?"
        return f"{where} cannot be used ({type(error).__name__.removeprefix('_')}{why})"


def _is_temporary(error: Exception) -> bool:
    """Whether asking once more may help."""
    import httpx
    from openai import APIConnectionError, APIResponseValidationError, APIStatusError

    if isinstance(error, APIStatusError):
        if getattr(error, "code", None) == "insufficient_quota":
            return False
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    kinds = (_CutError, APIConnectionError, APIResponseValidationError, httpx.TransportError, ValueError)
    return isinstance(error, kinds)  # ValueError: half a JSON document


def _pause(error: Exception, usual: float) -> float:
    """Seconds to wait: what the server asks for, or the usual ones."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        asked = float(headers.get("retry-after", ""))
    except ValueError:
        asked = usual
    return min(max(asked, 0.0), _LONGEST_WAIT)


def _place(url: str | None) -> str:
    """Host and path of an address, for messages."""
    parts = urlsplit(url or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"author.base_url={url}: give an address such as https://api.openai.com/v1")
    if parts.username or parts.password or parts.query:
        raise ConfigError("author.base_url: leave out user, password and query; keys come from author.key_variable")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname}{port}{parts.path}".rstrip("/")
