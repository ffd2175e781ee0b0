"""Studies as a table."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.errors import UserError
from llmseg.study.errors import CLASSES, FINER

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    "run",
    "author",
    "model",
    "company",
    "repeat",
    "data",
    "seed",
    "prompt",
    "state",
    "reason",
    "rounds",
    "errors",
    *(f"error_{name}" for name in CLASSES),
    *(f"finer_{name}" for name in FINER),
    "tokens_in",
    "tokens_out",
    "cost",
    "seconds",
    "native_dice",
    "dice",
)


def collect(folder: str | Path) -> "pd.DataFrame":
    """One row for each study below a folder, finished or not.

    Columns: run (its folder), author, model, company, repeat, data, seed, prompt, state, reason, rounds; errors (rounds
    with one) and error_<class>, as the original study counted; finer_<class>; tokens_in, tokens_out, cost and seconds,
    summed over the rounds (None where a round lacks the number); native_dice (that the program printed) and dice (the
    mean of our scoring; None where it never ran).

    Raises:
        UserError: a study.json that cannot be read.
    """
    import pandas as pd

    files = sorted(Path(folder).rglob("study.json"))
    return pd.DataFrame([_row(file) for file in files], columns=list(_COLUMNS))


def _row(file: Path) -> dict[str, Any]:
    try:
        study = json.loads(file.read_text(encoding="utf-8"))
        rounds = study["rounds"]
        errors = Counter(each["error"] for each in rounds if each["error"])
        finer = Counter(each["finer"] for each in rounds if each["finer"])
        return {
            "run": str(file.parent),
            **{key: study.get(key) for key in ("author", "model", "company", "repeat", "data", "seed")},
            "prompt": study["prompt"]["name"],
            "state": study["state"],
            "reason": study["reason"],
            "rounds": len(rounds),
            "errors": sum(errors.values()),
            **{f"error_{name}": errors[name] for name in CLASSES},
            **{f"finer_{name}": finer[name] for name in FINER},
            **{key: _sum(rounds, key) for key in ("tokens_in", "tokens_out", "cost", "seconds")},
            "native_dice": study["native_dice"],
            "dice": _dice(file.parent / "summary.json"),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: no record of a study ({type(error).__name__}: {error})") from error


def _sum(rounds: list[Mapping[str, Any]], key: str) -> float | None:
    values = [each[key] for each in rounds]
    return sum(values) if values and None not in values else None


def _dice(summary: Path) -> float | None:
    if not summary.is_file():
        return None
    value: float | None = json.loads(summary.read_text(encoding="utf-8"))["mean"]["dice"]
    return value
