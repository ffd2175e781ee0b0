"""`python train.py`: train a network, and score it."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from llmseg.cli.tasks.base import TrainingData
    from llmseg.methods.method import Method
    from llmseg.runs import RunFolder
    from llmseg.runs.result import Result


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("train", "llmseg.cli.train:train")


def train(cfg: "DictConfig") -> "Result":
    """Check everything, make the run's folder, then train here or in one process a device.

    Returns:
        Folder, mean test Dice of the last checkpoint and last validation Dice, for sweeps.

    Raises:
        UserError: anything that the user can mend. Up to the start of the training nothing has been written but
            the cache.
    """
    if cfg.resume is not None:
        return resume(cfg)

    from hydra.core.hydra_config import HydraConfig

    from llmseg.cli import build
    from llmseg.cli.lr_find import find
    from llmseg.cli.refuse import check_length, check_monitors
    from llmseg.cli.slurm import is_follower, shared_folder
    from llmseg.cli.tasks import task_of
    from llmseg.errors import ConfigError, UserError
    from llmseg.runs import RunFolder
    from llmseg.runs.result import Result

    task = task_of(cfg)
    task.complete(cfg)
    config = build.plain(cfg)
    data = task.data(config)
    data.prepare((*data.training_parts, "test") if cfg.evaluate else data.training_parts)
    if cfg.evaluate and not data.part("test"):
        raise ConfigError(f"data.split.test={cfg.data.split.test}: no cases to score; hold some out, or evaluate=false")
    check_length(config["trainer"])
    check_monitors(config, data)
    method = task.method(config, data)
    runs = Path(config["paths"]["runs"])

    def make() -> RunFolder:
        made = RunFolder.create(runs, config["name"])
        made.write_config(config)
        return made

    folder = shared_folder(runs, HydraConfig.get().overrides.task, make)
    try:
        if cfg.lr_find:
            find(config, folder, data, method)
        else:
            _start(config, folder, data, method)
    except UserError:
        if not is_follower():
            folder.discard()
        raise
    return Result.of(folder.path)


def resume(cfg: "DictConfig") -> "Result":
    """Go on with the training in the folder `resume`, or say that it is finished and score it if that is missing.

    Raises:
        UserError: no run there, one that is running, a damaged checkpoint, or one of another configuration.
    """
    from hydra.core.hydra_config import HydraConfig

    from llmseg.cli.opened import open_run

    run = open_run(cfg.resume)

    from llmseg.cli.resume import changed_config, check_split, finish, resume_point
    from llmseg.cli.slurm import is_follower
    from llmseg.cli.tasks import task_of
    from llmseg.runs.result import Result

    config = changed_config(run, cfg, HydraConfig.get().overrides.task)
    point = resume_point(run, config)
    task = task_of(config)
    data = task.data(config)
    data.prepare((*data.training_parts, "test") if config["evaluate"] else data.training_parts)
    check_split(run, data)
    method = task.method(config, data)
    if config != run.config:
        run.write_config(config)
    if point is not None and point["finished"]:
        if not is_follower():
            finish(run, config, data, point)
    else:
        _start(config, run, data, method, resumes=True)
    return Result.of(run.path)


def _start(
    config: dict[str, Any],
    folder: "RunFolder",
    data: "TrainingData",
    method: "Method",
    resumes: bool = False,
) -> None:
    """Train here, or in one process a device."""
    from llmseg.cli import process_group
    from llmseg.cli.job import execute

    if _processes(config) == 1:
        with process_group.ended_after():
            execute(config, folder, data, method, resumes)
    else:
        _in_worker(folder, _processes(config), resumes)


def _in_worker(folder: "RunFolder", processes: int, resumes: bool) -> None:
    """Train in a fresh process without Hydra, which Lightning re-executes once a device.

    Inside a sweep, a rank that contained Hydra would start the whole sweep again.
    """
    from llmseg.errors import UserError

    words = [sys.executable, "-m", "llmseg.cli.worker", str(folder.path / "config.yaml"), *["resume"] * resumes]
    if code := subprocess.run(words, check=False).returncode:
        raise UserError(f"{folder.path}: the training in {processes} processes failed (exit code {code}), see above")


def _processes(config: dict[str, Any]) -> int:
    devices = config["trainer"]["devices"]
    per_node = devices if isinstance(devices, int) else len(devices)
    return int(per_node * config["trainer"]["num_nodes"])


if __name__ == "__main__":
    main()
