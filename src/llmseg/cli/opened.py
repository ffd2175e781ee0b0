"""Run folders that the command line names: opened before anything large is imported, so that a slip is told at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import ListConfig

from llmseg.cli.slurm import is_follower
from llmseg.errors import ConfigError, UserError
from llmseg.runs import RunFolder
from llmseg.runs.state import is_running

PREPROCESSING = (
    "orientation",
    "spacing",
    "intensity",
    "window",
    "crop_foreground",
    "slice_axis",
    "image_size",
    "patch_size",
)
"""Keys of `data` that belong to the trained network, whatever data set it is shown."""
NO_CHOICE = {"fold": None, "labelled": None, "labelled_seed": None, "labelled_val": 0}
"""Keys of `data` beside a run's own split.json, which has made these choices."""
_OUTPUTS = ("channels", "modalities", "classes", "overlapping")
_ONLY = {"slice_axis": 2, "image_size": 2, "patch_size": 3}  # keys that only 2D or 3D networks have a use for
_OTHERS = {
    "grounding": "boxes, which predict.py and compare.py take",
    "report": "reports, which chat.py and app.py use; its scores stand in its summary.json",
}


def open_runs(run: Any) -> tuple[RunFolder, ...]:
    """The run folders that `run=...` or `run=[...,...]` names, checked to be alike.

    Raises:
        ConfigError: none, or two that cannot be an ensemble: they differ in channels, classes or preprocessing.
        UserError: no run folder.
    """
    names = list(run) if isinstance(run, list | tuple | ListConfig) else [run]
    if not names:
        raise ConfigError("run=[]: name at least one run folder")
    runs = tuple(RunFolder.open(Path(str(name)).expanduser()) for name in names)
    for each in runs:
        task = str(each.config.get("task") or "segmentation")
        if task != "segmentation":
            raise ConfigError(f"run={each.path}: a run of {_OTHERS.get(task, task)}; this is for runs of segmentation")
    first, *others = runs
    known = _facts(first.config)
    for other in others:
        for key, value in _facts(other.config).items():
            if value != known.get(key):
                raise ConfigError(
                    f"run: {key} is {value} in {other.path} and {known.get(key)} in {first.path}: an ensemble needs "
                    "runs that differ in fold, seed or network only"
                )
    return runs


def open_run(folder: str) -> RunFolder:
    """The run folder that `resume=` names.

    Raises:
        UserError: there is none, or a process is training there.
    """
    path = Path(folder).expanduser()
    if not (path / "config.yaml").is_file():
        raise UserError(f"resume={folder}: no run folder (it has no config.yaml); give one that train.py wrote")
    run = RunFolder(path)
    if not is_follower() and is_running(run):  # a follower's first task may have begun
        raise UserError(f"resume={folder}: another process trains in this folder; wait for it, or stop it")
    return run


def _facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """What runs of an ensemble must share."""
    dims = config["model"]["spatial_dims"]
    keys = [key for key in (*_OUTPUTS, *PREPROCESSING) if _ONLY.get(key, dims) == dims]
    return {"model.spatial_dims": dims} | {f"data.{key}": config["data"].get(key) for key in keys}
