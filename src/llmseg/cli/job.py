"""One training in this process: fit, then score on the first rank."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from llmseg.cli import build
from llmseg.cli.console import console_log, counted, log, quiet_libraries
from llmseg.cli.tasks import task_of
from llmseg.errors import ConfigError
from llmseg.methods.method import Method
from llmseg.runs import RunFolder, checkpoint, loggers
from llmseg.runs.environment import environment
from llmseg.runs.metrics import truncate
from llmseg.runs.state import Status, recorded

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData


def execute(
    config: Mapping[str, Any],
    run: RunFolder,
    data: "TrainingData",
    method: Method,
    resumes: bool = False,
) -> None:
    """Train, write the run's records and score the test cases.

    Args:
        config: plain and complete.
        run: existing folder with config.yaml.
        data: prepared.
        method: around a freshly initialised network.
        resumes: go on from last.ckpt, where there is one.
    """
    quiet_libraries()
    trainer = build.build_trainer(config, run)
    record = recorded(run) if trainer.is_global_zero else nullcontext(Status())
    with record as status, console_log(run.path / "console.log", trainer.is_global_zero):
        try:
            if trainer.is_global_zero and resumes:
                _tidy(run)
            start = run.last if resumes and run.last.is_file() else None
            _fit_and_score(config, run, data, method, trainer, start)
        except KeyboardInterrupt:
            if trainer.is_global_zero:
                log.info(_way_on(run))
            raise
        finally:
            status.steps = trainer.global_step
            loggers.close(trainer.loggers)


def _way_on(run: RunFolder) -> str:
    """What can be done with a training that was stopped."""
    if run.last.is_file():
        return f"stopped; to go on: python train.py resume={run.path}"
    return "stopped before the first checkpoint (save_every_n_steps): there is nothing to go on with"


def _tidy(run: RunFolder) -> None:
    """Remove what a stopped training has left that comes after its last checkpoint."""
    checkpoint.remove_unfinished(run.checkpoints)
    rows = checkpoint.read(run.last)[checkpoint.KEY]["rows"] if run.last.is_file() else 0
    truncate(run.path / "metrics.csv", rows)
    for name in ("summary.json", "cases.csv", "boxes.csv", "reports.csv"):
        (run.path / name).unlink(missing_ok=True)


def _fit_and_score(
    config: Mapping[str, Any],
    run: RunFolder,
    data: "TrainingData",
    method: Method,
    trainer: pl.Trainer,
    resume_from: Path | None,
) -> None:
    if trainer.is_global_zero:
        assert data.split is not None
        if resume_from is None:
            run.write_json("environment.json", environment() | method.provenance)
        run.write_json("split.json", json.loads(data.split.to_json()))
        log.info(f"{run.path}: {_facts(config, data)}{', resumed' if resume_from else ''}")
    start = perf_counter()
    try:
        trainer.fit(method, datamodule=data, ckpt_path=resume_from, weights_only=True)
    except SystemExit:
        if trainer.interrupted:  # Lightning has tidied up and wants to leave with 1 and without a word
            raise KeyboardInterrupt from None
        raise
    except MisconfigurationException as error:
        raise ConfigError(f"trainer, callbacks: {' '.join(str(error).split())}") from error
    seconds = perf_counter() - start
    if not trainer.is_global_zero or config["trainer"]["fast_dev_run"]:
        return
    done = f"{counted(trainer.current_epoch, 'epoch')}, {counted(trainer.global_step, 'step')}"
    log.info(f"trained {done} in {seconds:.0f} s")
    if config["evaluate"]:
        summary = task_of(config).score(config, run, data, method.device)
        loggers.report(trainer.loggers, summary, run.path)


def _facts(config: Mapping[str, Any], data: "TrainingData") -> str:
    assert data.split is not None
    parts = ("train", *(("unlabelled",) if data.uses_unlabelled else ()), "val", "test")
    counts = ", ".join(f"{len(getattr(data.split, part))} {part}" for part in parts)
    trainer = config["trainer"]
    return (
        f"{task_of(config).describe(config, data)}: {counts} cases; "
        f"{trainer['devices']} x {trainer['accelerator']}, precision {trainer['precision']}"
    )
