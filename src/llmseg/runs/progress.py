"""The progress bar."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar


class Progress(RichProgressBar):
    """Rich's bar with the numbers that somebody who waits wants to see."""

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Loss of the step and the last validation; no version numbers, no epoch means."""
        metrics = super().get_metrics(trainer, pl_module)
        shown = {"train/loss": "loss", "val/loss": "val loss", "val/dice": "val Dice"}
        return {name: metrics[key] for key, name in shown.items() if key in metrics}
