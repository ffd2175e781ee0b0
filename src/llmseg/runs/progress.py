"""The progress bar."""

from time import monotonic
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar
from torch import Tensor


class Progress(RichProgressBar):
    """Rich's bar with the numbers that somebody who waits wants to see, at a rate that somebody can read.

    A step in between touches neither the bar nor its loss, which would have to be fetched from the device.

    Args:
        refresh_rate: a second.
        leave: the bar of each epoch stays.
    """

    def __init__(self, refresh_rate: int = 10, leave: bool = False) -> None:
        super().__init__(refresh_rate=refresh_rate, leave=leave)
        self._due = 0.0
        self._loss: Tensor | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show the step, if it is time."""
        now = monotonic()
        if now < self._due and not trainer.is_last_batch:
            return
        self._due = now + 1 / max(self.refresh_rate, 1)
        # Lightning hands it over divided by the batches that are summed up for a step
        self._loss = outputs["loss"] * trainer.accumulate_grad_batches if outputs else None
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._loss = None

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Loss of the step and the last validation; no version numbers, no epoch means."""
        metrics = super().get_metrics(trainer, pl_module)
        if self._loss is not None:
            metrics["train/loss"] = self._loss.item()
        shown = {"train/loss": "loss", "val/loss": "val loss", "val/dice": "val Dice"}
        return {name: metrics[key] for key, name in shown.items() if key in metrics}
