"""What the page can offer: runs, by what they do."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmseg.errors import UserError
from llmseg.runs import RunFolder

REPORT, GROUNDING = "report", "grounding"
IMPRESSION, ADVICE, SEGMENT, LOCATE = "impression", "advice", "segment", "locate"


@dataclass(frozen=True)
class Offer:
    """A run that can be chosen on the page.

    Attributes:
        name: in the list of runs; unique.
        kind: IMPRESSION, ADVICE, SEGMENT or LOCATE.
        run: its folder.
        config: what it was trained with.
    """

    name: str
    kind: str
    run: RunFolder
    config: Mapping[str, Any] = field(repr=False)


def find_offers(paths: Iterable[Path]) -> list[Offer]:
    """Runs with a checkpoint, by name.

    Args:
        paths: run folders, or folders with runs anywhere below.

    Raises:
        UserError: one of them is no run and holds none, or there is none at all.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        is_run = (path / "config.yaml").is_file()
        found = [path] if is_run else [each for each in _runs_below(path) if _config(each) is not None]
        if is_run and _config(path) is None:
            raise UserError(f"run={path}: its config.yaml is none of a run of ours")
        if not found:
            raise UserError(f"run={path}: no run with a checkpoint there; name a folder that train.py wrote")
        folders |= {each.resolve(): None for each in found}
    if not folders:
        raise UserError("run=[]: name at least one run")
    configs = {folder: config for folder in folders if (config := _config(folder)) is not None}
    names = _names(list(folders))
    return [Offer(names[each], kind_of(config), RunFolder(each), config) for each, config in configs.items()]


def kind_of(config: Mapping[str, Any]) -> str:
    """What a run does, by its configuration; reports in Chinese are answered with advice, others with an impression."""
    task = str(config.get("task") or "segmentation")
    if task == REPORT:
        return ADVICE if config["data"].get("language") == "zh" else IMPRESSION
    return LOCATE if task == GROUNDING else SEGMENT


def _config(folder: Path) -> Mapping[str, Any] | None:
    """What a run was trained with; None where that cannot be told, which is logged."""
    try:
        config = RunFolder.open(folder).config
        needed = {REPORT: ("data", "llm"), GROUNDING: ("data",)}.get(str(config.get("task")), ("data", "model"))
        if all(isinstance(config.get(key), Mapping) for key in needed):
            return config
    except (UserError, AttributeError):
        pass
    logging.getLogger("llmseg").warning(f"{folder}: left out, its config.yaml is none of a run")
    return None


def _runs_below(path: Path) -> list[Path]:
    folders = sorted(file.parent for file in path.rglob("config.yaml"))
    return [folder for folder in folders if any((folder / "checkpoints").glob("*"))]


def _names(folders: list[Path]) -> dict[Path, str]:
    """Name and time, as in `runs/<name>/<time>`; the whole path where that is not unique."""
    short = {folder: f"{folder.parent.name}/{folder.name}" for folder in folders}
    counts = Counter(short.values())
    return {folder: name if counts[name] == 1 else str(folder) for folder, name in short.items()}
