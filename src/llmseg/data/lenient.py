"""Reading on behind a faulty case.

A reader stops at the first fault, since training must not begin with half a data set. Somebody who repairs a data set
wants to hear of all faults at once. So a reader that could go on with its other cases does not raise, it calls
`refuse`, which raises unless `collecting` asks for all refusals.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from llmseg.errors import DataError


@dataclass(frozen=True)
class Refusal:
    """A case that a reader leaves out.

    Attributes:
        error: what is wrong.
        case: id of the case, as far as the reader can tell.
    """

    error: DataError
    case: str


_collected: ContextVar[list[Refusal] | None] = ContextVar("collected", default=None)


def refuse(error: DataError, case: str = "") -> None:
    """Raise the error, or note it inside `collecting`; the caller then leaves the case out and goes on.

    Raises:
        DataError: `error`, outside `collecting`.
    """
    collected = _collected.get()
    if collected is None:
        raise error
    collected.append(Refusal(error, case))


@contextmanager
def collecting() -> Iterator[list[Refusal]]:
    """Inside, `refuse` in this thread fills the list instead of raising."""
    refusals: list[Refusal] = []
    token = _collected.set(refusals)
    try:
        yield refusals
    finally:
        _collected.reset(token)
