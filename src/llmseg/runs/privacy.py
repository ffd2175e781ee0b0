"""What may leave the machine: no folders, no names of cases (which may be those of patients)."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmseg.runs.folder import RunFolder

NAMES = "case_names.json"
"""Local file that says which case is behind `case 17`; never sent."""

# an absolute path inside a text, with its parents apart; URLs of the web have no such start
_PATH = re.compile(r"(?<![\w.:/\\])(?:sqlite:/*)?(?:~\w*|[A-Za-z]:)?[\\/](?:[^\\/:*?\"<>|,;\n]+[\\/])*")
_LOCAL = ("paths", "resume", "sweep")  # nodes that say nothing about the training
_SECRET = ("storage",)  # a database's address has its password
_FILES = ("file", "root", "images", "masks")  # of a path the last name is enough, also of a relative one


def public(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the machine's folders: of each absolute path only its last name is left."""
    return {str(key): _of_key(str(key), value) for key, value in config.items() if key not in _LOCAL}


def case_names(run: RunFolder) -> dict[str, str]:
    """Anonymous names of a run's cases, `case 1`, `case 2`, ... in the order of their ids.

    The same data give the same names. Written into the run's folder, for whoever has to find a case again.
    """
    split = json.loads((run.path / "split.json").read_text())
    ids = sorted({id_ for part in ("train", "val", "test") for id_ in split[part]})
    names = {id_: f"case {number}" for number, id_ in enumerate(ids, start=1)}
    run.write_json(NAMES, {name: id_ for id_, name in names.items()})
    return names


def _stripped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _of_key(str(key), item) for key, item in value.items() if key not in _SECRET}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_stripped(item) for item in value]
    return _PATH.sub("", value.rstrip("/\\")) if isinstance(value, str) else value


def _of_key(key: str, value: Any) -> Any:
    if key == "label_convention" and isinstance(value, Mapping):  # its keys are names of cases
        return sorted({str(item) for item in value.values()})
    if key == "leave_out" and value is not None:  # patients
        return f"{1 if isinstance(value, str | int) else len(value)} left out"
    if key in _FILES and isinstance(value, str):
        return re.split(r"[\\/]", value.rstrip("/\\"))[-1]
    return _stripped(value)
