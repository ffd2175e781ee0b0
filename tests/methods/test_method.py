"""What a step writes, and what it leaves out."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from llmseg.methods.method import Method
from llmseg.methods.schedules import constant


class Reading(Method):
    """Its loss is the mean of the batch, whatever the weight."""

    def __init__(self) -> None:
        super().__init__(torch.optim.SGD, constant, 0, {})
        self.weight = nn.Parameter(torch.zeros(()))

    def training_loss(self, batch: Tensor) -> Tensor:
        """Scalar."""
        return batch.mean() + 0 * self.weight


class Rows(DummyLogger):  # type: ignore[misc]
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **others: Any) -> None:
        """Keep."""
        self.rows.append((int(step or 0), metrics))


@pytest.mark.parametrize("accumulated", [1, 2])
def test_each_nth_step_is_logged_and_the_mean_is_over_all(tmp_path: Path, accumulated: int) -> None:
    values = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0])
    rows, method = Rows(), Reading()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=rows, log_every_n_steps=3, accumulate_grad_batches=accumulated,
        default_root_dir=tmp_path, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(method, DataLoader(values))  # type: ignore[arg-type]
    steps = [(step, row["train/loss"]) for step, row in rows.rows if "train/loss" in row]
    # the third, sixth, ... optimiser step, and of these the last batch
    assert steps == [(n - 1, values[n * accumulated - 1].item()) for n in range(3, 10 // accumulated + 1, 3)]
    assert trainer.callback_metrics["train/loss"] == values[-1]
    assert trainer.callback_metrics["train/loss_epoch"].item() == pytest.approx(values.mean().item(), rel=1e-6)
