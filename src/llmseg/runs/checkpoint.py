"""Checkpoints that survive a kill: written whole, every few steps, at points from which a training goes on exactly."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning.callbacks import Callback

from llmseg.errors import UserError, first_line
from llmseg.runs.metrics import count_rows

KEY = "resume"
"""Entry of a checkpoint that says where its training goes on: epoch, batch, finished, rows (of metrics.csv)."""


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Tell what goes wrong while a checkpoint is read and its weights are put in place.

    Raises:
        UserError: it is no checkpoint of this project, or damaged.
    """
    try:
        yield
    except (OSError, RuntimeError, KeyError, EOFError, ValueError, TypeError, UnpicklingError) as error:
        raise UserError(f"{file}: no checkpoint of this project, or damaged ({first_line(error)})") from error


class WholeCheckpoints(TorchCheckpointIO):
    """Writes under a temporary name, waits for the disk and renames; the last good checkpoint stays until then."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint whole or not at all.

        Raises:
            UserError: the disk is full or cannot be written to.
        """
        final = Path(path)
        temporary = final.with_name(f".{final.name}.{os.getpid()}")
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
            _sync_folder(final.parent)
        except (OSError, RuntimeError) as error:  # torch hides a full disk in a RuntimeError
            temporary.unlink(missing_ok=True)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
            raise UserError(
                f"{final.parent}: cannot write {final.name} ({reason}); make room there, then go on with resume="
            ) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class SaveLast(Callback):
    """Writes last.ckpt after every n optimiser steps, after every epoch and at the end.

    Only at points from which Lightning's loops go on exactly: before a batch, when the step before it is complete
    with its averages and log entries, and before an epoch, when the one before it is complete with its validation and
    schedule. It has to be the first callback, so that at the end it sees the weights before they are averaged.

    Args:
        folder: of the run.
        every_n_steps: optimiser steps between two checkpoints within an epoch.
    """

    def __init__(self, folder: Path, every_n_steps: int) -> None:
        if every_n_steps < 1:
            raise ValueError(f"save_every_n_steps={every_n_steps}: give a positive number")
        self.folder = folder
        self.every_n_steps = every_n_steps
        self._saving: dict[str, Any] | None = None
        self._saved_step = 0
        self._is_at_start = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After a resume, correct Lightning's view of what is restarted."""
        # an epoch that is gone on with ends like any other: its plateau schedule counts
        trainer.fit_loop._restarting = False  # the public setter would restart all that is counted in steps
        if self._is_at_start:
            trainer.fit_loop.epoch_loop.restarting = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what the epoch before has left."""
        self._save(trainer, batch=0)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save what the step before has left."""
        if trainer.global_step % self.every_n_steps == 0:
            self._save(trainer, batch=batch_idx)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end."""
        self._saved_step = 0
        self._save(trainer, batch=0, finished=True)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Say where to go on, and undo what Lightning's counters have begun to count."""
        if self._saving is None:
            return
        checkpoint[KEY] = self._saving
        if self._saving["finished"]:
            return
        progress = checkpoint["loops"]["fit_loop"]
        begun = progress["epoch_loop.batch_progress" if self._saving["batch"] else "epoch_progress"]
        for counts in (begun["total"], begun["current"]):
            counts["ready"] -= 1
        progress["epoch_loop.batch_progress"]["is_last_batch"] = False

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Set the training data to the place; the run's folder may have been moved since."""
        if KEY not in checkpoint:
            return
        place = checkpoint[KEY]
        self._is_at_start = place["batch"] == 0
        self._saved_step = checkpoint["global_step"]
        trainer.datamodule.start_at(place["epoch"], place["batch"])  # type: ignore[attr-defined]
        for state in checkpoint["callbacks"].values():
            _move(state, os.path.realpath(self.folder / "checkpoints"))

    def _save(self, trainer: pl.Trainer, batch: int, finished: bool = False) -> None:
        if getattr(trainer, "fast_dev_run", False) or trainer.global_step == self._saved_step:
            return
        self._saved_step = trainer.global_step
        for logger in trainer.loggers:
            logger.save()
        rows = count_rows(self.folder / "metrics.csv") if trainer.is_global_zero else 0
        self._saving = {"epoch": trainer.current_epoch, "batch": batch, "finished": finished, "rows": rows}
        try:
            trainer.save_checkpoint(self.folder / "checkpoints" / "last.ckpt", weights_only=False)
        finally:
            self._saving = None


def read(path: Path) -> dict[str, Any]:
    """A checkpoint that a training can go on from; tensors are read from the disk when they are used.

    Raises:
        UserError: missing, damaged or of another make.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        missing = {"llmseg", KEY, "state_dict", "loops", "optimizer_states"} - content.keys()
    except (OSError, RuntimeError, EOFError, ValueError, TypeError, AttributeError, UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: damaged, or no checkpoint ({reason}); the training cannot go on from it") from error
    if missing:
        raise UserError(f"{path}: lacks {', '.join(sorted(missing))}; the training cannot go on from it")
    return content


def remove_unfinished(folder: Path) -> None:
    """Delete the temporary files that a killed training left among the checkpoints."""
    for file in folder.glob(".*.ckpt.*"):
        file.unlink()


def _move(state: Mapping[str, Any], folder: str) -> None:
    """Let a ModelCheckpoint's state name the folder where the run lies now."""
    if not isinstance(state, dict) or not state.get("dirpath"):
        return
    for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
        state[key] = _moved(state.get(key, ""), folder)
    state["best_k_models"] = {_moved(path, folder): score for path, score in state["best_k_models"].items()}
    state["dirpath"] = folder


def _moved(path: str, folder: str) -> str:
    return os.path.join(folder, os.path.basename(path)) if path else path
