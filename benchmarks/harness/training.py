"""Trainings, above all the real `train.py`, under a benchmark's eyes: at a stretch, or one step at a time."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from queue import Queue
from threading import Semaphore, Thread
from typing import Any, Self

import numpy as np
import pytorch_lightning as pl
import torch
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image
from torch import Tensor, nn

from llmseg.cli import build, entry
from llmseg.methods.base import SegmentationMethod

PRECISION = "trainer.precision=bf16-mixed"
"""Of our side, also on CPUs without matrix units, where `auto` stays at float32."""


def train(words: Sequence[str], *callbacks: pl.Callback) -> None:
    """Run `train.py` with these words in this process, with further callbacks in its trainer.

    Args:
        words: of the command line.
        callbacks: come after all others; one that has a `profiler` gives it to the trainer.
    """
    plain = build.build_trainer

    def watched(config: Mapping[str, Any], *others: Any) -> pl.Trainer:
        trainer = plain(config, *others)
        for callback in callbacks:
            trainer.callbacks.append(callback)  # type: ignore[attr-defined]
            if isinstance(profiler := getattr(callback, "profiler", None), pl.profilers.Profiler):
                trainer.profiler = profiler  # type: ignore[attr-defined]
        return trainer

    build.build_trainer = watched  # type: ignore[assignment]
    try:
        entry.run("train", "llmseg.cli.train:train", words)
    finally:
        build.build_trainer = plain


def quiet_words(folder: Path, device: torch.device) -> tuple[str, ...]:
    """Words for a training that is watched: nothing is validated, scored or shown.

    Args:
        folder: for runs and caches.
        device: cpu or cuda.
    """
    return (
        "evaluate=false", "logger=csv", "trainer.enable_progress_bar=false", "trainer.limit_val_batches=0",
        f"trainer.accelerator={'gpu' if device.type == 'cuda' else 'cpu'}", "trainer.devices=1",
        f"data.cache={'device' if device.type == 'cuda' else 'ram'}",
        f"paths.runs={folder / 'runs'}", f"paths.cache={folder / 'cache'}",
    )  # fmt: skip


def write_nnunet(root: Path, cases: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """An nnU-Net raw folder of one channel and one class.

    Args:
        root: the folder.
        cases: image (X, Y, Z) float32 and label (X, Y, Z) uint8, voxels of 1 mm.
    """
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    number = 0
    for number, (image, label) in enumerate(cases, 1):
        save(Nifti1Image(image, np.eye(4)), root / "imagesTr" / f"case{number:03}_0000.nii.gz")
        save(Nifti1Image(label, np.eye(4)), root / "labelsTr" / f"case{number:03}.nii.gz")
    facts = {"channel_names": {"0": "noise"}, "labels": {"background": 0, "thing": 1}, "numTraining": number}
    (root / "dataset.json").write_text(json.dumps(facts | {"file_ending": ".nii.gz"}))


class Steps(pl.Callback):
    """A real training that waits, in a thread of its own, to be asked for its next steps.

    A step is all that lies between the ends of two: fetching the batch, augmentation, networks, optimiser, schedule,
    loggers and callbacks.

    Args:
        start: trains with this object among the trainer's callbacks.
        each: so many steps are taken at a time.
    """

    def __init__(self, start: Callable[[pl.Callback], None], each: int = 1) -> None:
        self._start = start
        self._each = each
        self._taken = 0
        self._go = Semaphore(0)
        self._done: Queue[Tensor | BaseException | None] = Queue()
        self._thread = Thread(target=self._train, daemon=True)

    def __enter__(self) -> Self:
        """Everything up to the first step."""
        self._thread.start()
        self._next()
        return self

    def __exit__(self, *reason: object) -> None:
        """Let the training end."""
        if self._thread.is_alive():
            self.trainer.should_stop = True
            self._go.release()
            self._thread.join()

    def __call__(self) -> Tensor:
        """Take the next steps; the loss of the last one."""
        self._go.release()
        loss = self._next()
        assert loss is not None
        return loss

    @property
    def networks(self) -> list[nn.Module]:
        """That llmseg trains."""
        assert isinstance(self.module, SegmentationMethod)
        return self.module.tested

    @property
    def precision(self) -> str:
        """Of the arithmetic, as the trainer names it."""
        return str(self.trainer.precision)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait for the first request."""
        self.trainer, self.module = trainer, pl_module
        self._hand_over(None)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Hand the loss over, and wait for the next request."""
        self._taken += 1
        if self._taken % self._each == 0 and not trainer.should_stop:
            self._hand_over(outputs["loss"].detach())

    def _hand_over(self, loss: Tensor | None) -> None:
        self._done.put(loss)
        self._go.acquire()

    def _next(self) -> Tensor | None:
        found = self._done.get()
        if isinstance(found, BaseException):
            raise RuntimeError("the training broke, or is over") from found
        return found

    def _train(self) -> None:
        try:
            self._start(self)
        except BaseException as error:  # whoever asked for a step would wait for ever
            self._done.put(error)
        else:
            self._done.put(EOFError())
