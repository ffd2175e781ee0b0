"""What every process of a training ends with; for tests of trainings in several processes."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback


class Spy(Callback):
    """Writes the state, and which unlabelled images were seen, of each process into the run's folder."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the images by their sums."""
        self.seen += batch["unlabelled"][0].double().flatten(1).sum(1).tolist()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write."""
        content = {"state": pl_module.state_dict(), "seen": self.seen}
        torch.save(content, Path(str(trainer.default_root_dir)) / f"rank{trainer.global_rank}.pt")
