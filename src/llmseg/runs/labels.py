"""What runs are called in a table, and which of them differ in nothing but their seeds."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

Settings = dict[str, list[str]]

NOT_A_SETTING = ("config.name", "config.paths.", "config.data.split.file", "config.choices.")
"""Beginnings of columns that hold no choice of a training."""
_REPEATED = re.compile(
    r"config\.(seed|repeat|resume|data\.(root|labelled_seed)|logger\..*|(?!data\.split\.).*\.seed)"
)  # seeds, folders, and where a training was logged or went on
STUDY = "generated"
"""Method of runs in which an LLM's own program was scored."""
_LEAD = ("method", "model", "vlm")
_NODES = {"augment": "config.data.augment."}  # of groups whose node lies elsewhere than below the group's name


def labels(frame: pd.DataFrame) -> list[str]:
    """A name for each run: its model, and what the runs differ in, e.g. `gpt4o repaired=True`.

    Args:
        frame: runs, as `llmseg.runs.collect` returns them.
    """
    return _told_apart(_names(_settings(frame), _choices(frame), ["model"]), frame["run"])


def group_repeats(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Runs that differ only in their seeds, folders, logger and whether they were resumed, by the name of their group.

    A name says what tells the groups apart: the method, the model, or both, then other choices and keys, such as
    `llm_segnet knowledge=none labelled=4`.

    Args:
        frame: runs, as `llmseg.runs.collect` returns them.

    Returns:
        Name -> folders of its runs.
    """
    choices = _choices(frame)
    settings = {key: values for key, values in _settings(frame).items() if not _REPEATED.fullmatch(key)}
    told = [*settings.values(), *(choices[group] for group in _LEAD if group in choices)]
    keys = list(zip(*told, strict=True)) if told else [()] * len(frame)
    firsts = [keys.index(key) for key in dict.fromkeys(keys)]
    one_each = {key: [values[index] for index in firsts] for key, values in settings.items()}
    chosen = {group: [values[index] for index in firsts] for group, values in choices.items()}
    lead = [group for group in _LEAD if _varies(chosen.get(group, []))] or ["vlm" if "vlm" in chosen else "method"]
    names = _told_apart(_names(one_each, chosen, lead), frame["run"].iloc[firsts])
    return {
        name: [str(run) for run, key in zip(frame["run"], keys, strict=True) if key == keys[first]]
        for name, first in zip(names, firsts, strict=True)
    }


def _told_apart(names: Sequence[str], folders: "pd.Series[str]") -> list[str]:
    """Names that several runs have, such as one repeated with the same choices, with the run's folder behind them."""
    return [
        f"{name} {Path(folder).name}" if names.count(name) > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]


def _settings(frame: pd.DataFrame) -> Settings:
    """Each key of the configurations with its value in every run, as text."""
    keys = [str(key) for key in frame if str(key).startswith("config.") and not str(key).startswith(NOT_A_SETTING)]
    settings = {key: [_text(value) for value in frame[key]] for key in keys}
    kinds = [method == STUDY for method in frame.get("config.choices.method", [None] * len(frame))]
    return {key: values for key, values in settings.items() if not _tells_kinds_only(values, kinds)}


def _tells_kinds_only(values: Sequence[str], kinds: Sequence[bool]) -> bool:
    """Whether studies have a key and trainings do not, or the other way round, and it is the same in all that do."""
    study, training = ({value for value, is_study in zip(values, kinds, strict=True) if is_study == k} for k in (1, 0))
    return (study == {""} and len(training) == 1) or (training == {""} and len(study) == 1)


def _choices(frame: pd.DataFrame) -> Settings:
    """Each group of the configurations with its choice in every run."""
    prefix = "config.choices."
    return {
        str(key).removeprefix(prefix): [_text(value) for value in frame[key]]
        for key in frame
        if str(key).startswith(prefix)
    }


def _names(settings: Settings, choices: Settings, lead: Sequence[str]) -> list[str]:
    """Names of runs: the choices of the groups in `lead`, then in words what else tells the runs apart."""
    words = [choices[group] for group in lead if group in choices]
    inside: set[str] = set()
    for group, chosen in choices.items():
        node = _NODES.get(group, f"config.{group}.")
        keys = [key for key in settings if key.startswith(node) or key == node[:-1]]
        if not _varies(chosen) or not any(_varies(settings[key]) for key in keys):
            continue
        # what two choices differ in is known by their names; what counts is within one choice
        inside |= {key for key in keys if not _varies_within(settings[key], chosen)}
        if group not in lead:
            words.append([f"{group}={choice}" if choice else "" for choice in chosen])
    shown = [key for key, values in settings.items() if _varies(values) and key not in inside]
    short = [key.rpartition(".")[2] for key in shown]
    for key, name in zip(shown, short, strict=True):
        name = name if short.count(name) == 1 else key.removeprefix("config.")
        nothing = "labelled=all" if key == "config.data.labelled" else ""
        words.append([f"{name}={value}" if value else nothing for value in settings[key]])
    return [" ".join(filter(None, each)) or "run" for each in zip(*words, strict=True)]


def _varies(values: Sequence[str]) -> bool:
    return len(set(values)) > 1


def _varies_within(values: Sequence[str], chosen: Sequence[str]) -> bool:
    return len(set(zip(chosen, values, strict=True))) > len(set(chosen))


def _text(value: object) -> str:
    """A value as a user would write it; nothing for null and for keys that another run has."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"  # a column of whole numbers and nulls holds floats
    return str(value)
