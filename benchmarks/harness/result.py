"""What every file of `results/` and `benchmarks/results/` has: who made it, with what, and the values.

`command` (lines of a shell), `seeds` (null: nothing is drawn, or it is not known), `date`, `machine` (in words, with
what else ran where that is known), `environment` (versions, hardware; null: it was not kept), and either `rows` or
`values`. Further keys are remarks.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "results"
SHAPES: dict[str, type | tuple[type, ...]] = {
    "command": list, "seeds": (list, type(None)), "date": (str, type(None)), "machine": (str, type(None)),
    "environment": (dict, type(None)),
}  # fmt: skip
ENVIRONMENT = ("python", "packages", "git", "cpu", "cpu_count", "threads", "gpus", "cuda")


def header(
    command: Sequence[str], seeds: Sequence[int] | None, made: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The keys before the values.

    Args:
        command: lines that make the values again.
        seeds: of the runs.
        made: environment of the runs; None: this process's.
    """
    from llmseg.runs.environment import environment

    known = dict(made) if made else environment()
    return {
        "command": list(command),
        "seeds": None if seeds is None else sorted(seeds),
        "date": date.today().isoformat(),
        "machine": machine(known),
        "environment": known,
    }


def machine(environment: Mapping[str, Any]) -> str:
    """The machine in words."""
    gpus = ", ".join(environment["gpus"]) or "no GPU"
    return f"{environment['cpu']}, {environment['cpu_count']} cores, {environment['threads']} of them used, {gpus}"


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Write a result.

    Raises:
        ValueError: it lacks what every result has.
    """
    if found := faults(content):
        raise ValueError(f"{file.name}: {'; '.join(found)}")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """The result of that name."""
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return content


def faults(content: Mapping[str, Any]) -> list[str]:
    """What a result lacks; empty where it is whole."""
    found = [f"no {key}" for key in SHAPES if key not in content]
    found += [f"{key} is no {shape}" for key, shape in SHAPES.items() if not isinstance(content.get(key), shape)]
    if not content.get("command") or not all(isinstance(line, str) for line in content["command"]):
        found.append("command is no list of lines")
    if content.get("date"):
        date.fromisoformat(content["date"])
    known = content.get("environment")
    found += [f"environment has no {key}" for key in ENVIRONMENT if known is not None and key not in known]
    if ("rows" in content) == ("values" in content) or not (content.get("rows") or content.get("values")):
        found.append("give either rows or values")
    return found
