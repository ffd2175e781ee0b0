"""The progress bar is touched as often as somebody can read it."""

from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import RichProgressBar
from torch.utils.data import DataLoader

from llmseg.runs import progress
from llmseg.runs.progress import Progress


def test_steps_in_between_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    shown: list[tuple[int, dict[str, Any]]] = []
    logged = {"train/loss": 9.0, "val/loss": 0.5, "val/dice": 0.7, "v_num": 1, "train/loss_epoch": 3.0}

    def show(bar: Progress, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        shown.append((index, bar.get_metrics(trainer, module)))

    monkeypatch.setattr(progress, "monotonic", lambda: clock.now)
    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", show)
    monkeypatch.setattr(RichProgressBar, "get_metrics", lambda *_: dict(logged))
    bar: Any = Progress(refresh_rate=4)
    for index in range(10):
        trainer = SimpleNamespace(is_last_batch=index == 9, accumulate_grad_batches=1)
        bar.on_train_batch_end(trainer, None, {"loss": torch.tensor(float(index))}, None, index)
        clock.now += 0.0625  # four steps to a quarter of a second
    assert [index for index, _ in shown] == [0, 4, 8, 9]
    assert [values["loss"] for _, values in shown] == [0.0, 4.0, 8.0, 9.0]
    assert shown[0][1] == {"loss": 0.0, "val loss": 0.5, "val Dice": 0.7}
    assert bar.get_metrics(None, None)["loss"] == 9.0  # between two steps: as logged


class _Eight(pl.LightningModule):
    """Its loss is always 8."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return (self.weight * 0).sum() + 8

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_the_loss_is_that_of_the_step_where_several_batches_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[float] = []

    def show(bar: Progress, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        shown.append(bar.get_metrics(trainer, module)["loss"])

    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", show)
    trainer = pl.Trainer(
        max_epochs=1, accumulate_grad_batches=4, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_model_summary=False, callbacks=[Progress()],
    )  # fmt: skip
    trainer.fit(_Eight(), DataLoader(torch.zeros(4, 1)))
    assert set(shown) == {8.0}
