"""A callback that ends its training, and every process of it, as a power cut does."""

import os
import signal
from threading import Timer
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

SWITCH = "LLMSEG_TEST_POWER_CUT"


class PowerCut(Callback):
    """Kills the process group some seconds after a step has begun; only where SWITCH is set, so not after a resume.

    Args:
        step: optimiser step.
        after: seconds.
    """

    def __init__(self, step: int, after: float) -> None:
        self.step = step
        self.timer = Timer(after, os.killpg, (0, signal.SIGKILL))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the clock."""
        if SWITCH in os.environ and trainer.global_step == self.step and not self.timer.is_alive():
            self.timer.start()
