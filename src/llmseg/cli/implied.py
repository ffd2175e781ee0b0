"""Choices that follow from others, where the command line leaves them open."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llmseg.resources import find


@dataclass(frozen=True)
class _Top:
    """What asks `train.py` for another top config: its method, one of its data sets, or a group that only it has."""

    method: str
    data: frozenset[str]
    groups: frozenset[str]


_TOPS = {
    "ground": _Top("grounding", frozenset({"boxes"}), frozenset({"vlm"})),
    "report": _Top("report", frozenset({"openi", "reports"}), frozenset({"llm", "prompt"})),
}


def top_config(name: str, overrides: Sequence[str], conf: Sequence[Path]) -> str:
    """The top config that a command line means: `ground` where `train.py` is asked for boxes, `report` for reports.

    Args:
        name: top config of the command.
        overrides: words of the command line.
        conf: the folders of choices, in the order of search.
    """
    if name != "train":
        return name
    given = _given(overrides)
    resumed = Path(given.get("resume", "")).expanduser() / "config.yaml"
    if "resume" in given and resumed.is_file():
        known = {f"task: {top.method}": title for title, top in _TOPS.items()}
        return next((known[line] for line in resumed.read_text("utf-8").splitlines() if line in known), name)
    for title, top in _TOPS.items():
        if given.get("method") == top.method or given.get("data") in top.data or given.keys() & top.groups:
            return title
    method = _method_of(conf, f"experiment/{given.get('experiment', '').partition(',')[0]}")
    return next((title for title, top in _TOPS.items() if top.method == method), name)


def _method_of(conf: Sequence[Path], experiment: str) -> str | None:
    """The method that an experiment chooses, perhaps through another one that it begins with."""
    file = find(conf, f"{experiment}.yaml")
    if file is None:
        return None
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line.startswith("- override /method: "):
            return line.removeprefix("- override /method: ")
    parents = [line.removeprefix("- ") for line in lines if line.startswith("- ") and ":" not in line]
    folder = experiment.rpartition("/")[0]
    return next((found for each in parents if (found := _method_of(conf, f"{folder}/{each}"))), None)


def _given(overrides: Sequence[str]) -> dict[str, str]:
    return dict(word.lstrip("+~").partition("=")[::2] for word in overrides)


def implied(overrides: Sequence[str], conf: Sequence[Path]) -> list[str]:
    """Overrides that `train.py` adds: few labelled cases are the field of semi-supervised 3D methods, and of V-Net.

    All methods that are compared with `data.labelled=...` so have one network, the supervised ones too.

    Args:
        overrides: words of the command line.
        conf: the folders of choices, in the order of search.
    """
    given = _given(overrides)
    is_open = not {"experiment", "resume", "model", "model@_global_"} & given.keys()
    is_few = given.get("data.labelled", "null") not in ("null", "")
    return ["model=vnet"] if is_open and is_few and find(conf, "model/vnet.yaml") else []
