"""What became of the jobs of a sweep; handed back also by worker processes and other machines, so it can be pickled."""

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmseg.errors import UserError, one_line


@dataclass(frozen=True)
class Outcome:
    """One job of a sweep.

    Attributes:
        overrides: what tells it from the others.
        result: what its function returned; None where it failed.
        error: of a failed job, in one line.
    """

    overrides: tuple[str, ...]
    result: Any = None
    error: str | None = None

    @classmethod
    def of(cls, overrides: Sequence[str], error: Exception) -> "Outcome":
        """A failed job; an error that no user can mend is printed with its stack trace."""
        text = one_line(error)
        if isinstance(error, UserError):
            print(f"error: {text} [{' '.join(overrides)}]", file=sys.stderr)
        else:
            traceback.print_exception(error)
        return cls(tuple(overrides), error=text)

    def __float__(self) -> float:
        """The job's result, for Hydra's own sweepers that optimise it.

        Raises:
            ValueError: it failed, or its result is no number.
        """
        if self.error is not None:
            raise ValueError(self.error)
        return float(self.result)


def report(outcomes: Sequence[Outcome]) -> str:
    """The table at the end of a sweep: what succeeded, with run folder and Dice, then what failed, and why."""
    from llmseg.cli.console import render

    done = [each for each in outcomes if each.error is None]
    failed = [each for each in outcomes if each.error is not None]
    shown = _varying(outcomes)
    rows = [["job", "Dice", "run"]]
    rows += [[shown(each), _dice(each.result), str(getattr(each.result, "run", "-"))] for each in done]
    text = render(rows, f"{len(done)} of {len(outcomes)} jobs succeeded", is_text=True) if done else ""
    if failed:
        rows = [["job", "error"], *([shown(each), str(each.error)] for each in failed)]
        text += "\n" + render(rows, f"{len(failed)} of {len(outcomes)} jobs failed", is_text=True)
    return text.strip("\n")


def _varying(outcomes: Sequence[Outcome]) -> Any:
    """Shows of a job's overrides those that not all jobs have."""
    same = set.intersection(*(set(each.overrides) for each in outcomes))
    return lambda each: " ".join(word for word in each.overrides if word not in same) or "-"


def _dice(result: Any) -> str:
    if isinstance(result, float):
        return f"{result:.3f}"
    return "-" if result is None else str(result)
