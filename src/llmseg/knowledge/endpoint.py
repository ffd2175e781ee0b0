"""OpenAI-compatible endpoints: address and key come from the environment, never from the configuration."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmseg.errors import UserError
from llmseg.optional import require

if TYPE_CHECKING:
    from openai import OpenAI

_DEFAULT = "https://api.openai.com/v1"


def connect(wanted_by: str) -> "OpenAI":
    """A client for OPENAI_BASE_URL with the key OPENAI_API_KEY; a server of one's own may need none.

    Args:
        wanted_by: key and value that ask for it, for messages.

    Raises:
        UserError: the package `openai` or the key is missing.
    """
    require("openai", wanted_by)
    from openai import OpenAI

    key = os.environ.get("OPENAI_API_KEY")
    url = os.environ.get("OPENAI_BASE_URL") or None
    if not key and url is None:
        raise UserError(f"{wanted_by}: set the environment variable OPENAI_API_KEY, or OPENAI_BASE_URL to your server")
    return OpenAI(api_key=key or "none", base_url=url, timeout=120, max_retries=2)


def place() -> str:
    """Host and path of the endpoint, without user and password."""
    url = urlsplit(os.environ.get("OPENAI_BASE_URL") or _DEFAULT)
    port = f":{url.port}" if url.port else ""
    return f"{url.hostname}{port}{url.path}".rstrip("/")


@contextmanager
def one_line_errors(wanted_by: str) -> Iterator[None]:
    """Turn what the client raises into a line that names endpoint and cause; it never has the key."""
    from openai import APIConnectionError, APIStatusError, OpenAIError

    try:
        yield
    except APIStatusError as error:
        # what refuses a key may repeat a part of it
        why = type(error).__name__ if error.status_code in (401, 403) else " ".join(error.message.split())[:300]
        raise UserError(f"{wanted_by}: {place()} answered {error.status_code} ({why})") from error
    except APIConnectionError as error:
        raise UserError(f"{wanted_by}: {place()} cannot be reached ({type(error).__name__})") from error
    except OpenAIError as error:
        raise UserError(f"{wanted_by}: {place()}: {type(error).__name__}") from error
