"""What every training has, whatever is trained: optimiser and schedule, seeded steps, portable checkpoints."""

import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from llmseg.data.seeds import derive, seed_device
from llmseg.methods.schedules import stretch

log = logging.getLogger(__name__)


class Method(pl.LightningModule):
    """Base of all training methods; one says what the loss of a batch is.

    Args:
        optimizer: makes an optimiser from the parameters.
        scheduler: makes a Lightning scheduler configuration from the optimiser and the number of steps.
        seed: of all that a step draws, together with epoch, batch and process.
        record: plain containers that the checkpoint carries under "llmseg" (the resolved configuration), so that it
            loads with `torch.load(weights_only=True)` and what was trained can be built again.
    """

    def __init__(
        self,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[[Optimizer, int], dict[str, Any]],
        seed: int,
        record: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self.seed = seed
        self._record = dict(record)
        # what the method was made of and the configuration does not tell, for the run's environment.json
        self.provenance: dict[str, Any] = {}
        self._epoch_loss = torch.zeros(2, dtype=torch.float64)  # sum over the epoch's samples, and their number
        self._saved_steps: int | None = None
        self._has_warned = False

    @abstractmethod
    def training_loss(self, batch: Any) -> Tensor:
        """Scalar loss of one augmented training batch."""

    def augmented(self, batch: Any) -> Any:
        """A batch of the data module as `training_loss` takes it."""
        return batch

    def count(self, batch: Any) -> int:
        """Number of samples in an augmented batch."""
        return len(batch)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed the step by what it is, not by what came before; with `overfit_batches` each epoch is as the first."""
        epoch = 0 if self.trainer.overfit_batches else self.current_epoch  # type: ignore[attr-defined]
        seed_device(derive(self.seed, "step", epoch, batch_idx, self.global_rank), self.device)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Augment, and let the method do the rest."""
        with torch.no_grad():
            batch = self.augmented(batch)
        loss = self.training_loss(batch)
        size = self.count(batch)
        if self._is_read():
            self.log("train/loss", loss, prog_bar=True, batch_size=size)
        self._count_loss(loss.detach(), size)
        return loss

    def _is_read(self) -> bool:
        """Whether a number of this step reaches a logger or a callback that watches it at the epoch's end.

        What nobody reads need not go through Lightning's bookkeeping, which takes as long as a small network.
        """
        return bool(self.trainer.is_last_batch or self.trainer._logger_connector.should_update_logs)

    def _count_loss(self, loss: Tensor, size: int) -> None:
        """Add to the sums of the epoch, on the device: to read them would stop the accelerator at every step."""
        if self._epoch_loss.device != loss.device:
            self._epoch_loss = self._epoch_loss.to(precise(loss))
        total, samples = self._epoch_loss.unbind()
        total.add_(precise(loss), alpha=size)
        samples.add_(size)

    def on_train_epoch_end(self) -> None:
        """Mean loss of the whole epoch over all processes, also where it was resumed in between."""
        total, samples = self._all_epoch_loss().tolist()
        self._epoch_loss.zero_()
        mean = total / max(samples, 1)
        if not math.isfinite(mean) and not self._has_warned:
            self._has_warned = True
            log.warning(
                f"epoch {self.current_epoch}: the loss is {mean}; try a lower optimizer.lr, or trainer.precision=32"
            )
        self.log("train/loss_epoch", mean, rank_zero_only=False)

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule over all steps of the training."""
        optimizer = self._make_optimizer([p for p in self.parameters() if p.requires_grad])
        steps = int(self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": self._make_scheduler(optimizer, steps)}

    def on_train_start(self) -> None:
        """Let a schedule over all steps reach the new end where a resume has moved it."""
        steps = int(self.trainer.estimated_stepping_batches)
        if self._saved_steps not in (None, steps):
            for config in self.trainer.lr_scheduler_configs:
                stretch(config.scheduler, lambda optimizer: self._make_scheduler(optimizer, steps)["scheduler"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the record and the state that no other part saves into the checkpoint."""
        checkpoint["llmseg"] = self._record
        checkpoint["epoch_loss"] = self._all_epoch_loss()
        checkpoint["steps"] = int(self.trainer.estimated_stepping_batches)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take that state back."""
        self._saved_steps = checkpoint.get("steps")
        if "epoch_loss" in checkpoint and self.global_rank == 0:  # the sum over all processes
            self._epoch_loss = checkpoint["epoch_loss"].clone()

    def _all_epoch_loss(self) -> Tensor:
        mine = self._epoch_loss.float() if self.device.type == "mps" else self._epoch_loss
        total = self.trainer.strategy.reduce(mine.to(self.device, copy=True), reduce_op="sum")
        assert isinstance(total, Tensor)
        return total.cpu().double()


def precise(values: Tensor) -> Tensor:
    """Values in float64, but for Apple's accelerator, which has none."""
    return values.float() if values.device.type == "mps" else values.double()
