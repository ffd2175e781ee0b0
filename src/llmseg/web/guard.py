"""What a page shows when something fails: one sentence, never a stack trace."""

import logging
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import Any, TypeVar

import gradio as gr

from llmseg.errors import UserError, one_line
from llmseg.web.wording import SOMETHING_WRONG

Handler = TypeVar("Handler", bound=Callable[..., Any])
_SECONDS = 30.0


def guarded(handler: Handler) -> Handler:
    """Let a page's handler fail in one sentence; mistakes of ours go to the log with all that is known of them."""

    @wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except gr.Error:
            raise
        except UserError as error:
            raise _shown(one_line(error)) from None
        except Exception:
            logging.getLogger("llmseg").exception("a request failed")
            raise _shown(SOMETHING_WRONG) from None

    return call  # type: ignore[return-value]


def _shown(message: str) -> gr.Error:
    # The page reads it as HTML, and it may hold the name of an uploaded file.
    return gr.Error(escape(message, quote=False), duration=_SECONDS, title="Error", print_exception=False)
