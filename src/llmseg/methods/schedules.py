"""Learning-rate schedules over the whole training, as Lightning's scheduler configurations."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LRScheduler,
    PolynomialLR,
    ReduceLROnPlateau,
    StepLR,
)


def constant(optimizer: Optimizer, steps: int) -> dict[str, Any]:
    """The same learning rate throughout."""
    return _each_step(ConstantLR(optimizer, factor=1.0, total_iters=0))


def cosine(optimizer: Optimizer, steps: int) -> dict[str, Any]:
    """Half a cosine down to 0 (Loshchilov and Hutter 2017, without restarts)."""
    return _each_step(CosineAnnealingLR(optimizer, T_max=steps))


def linear(optimizer: Optimizer, steps: int, warmup: int = 0) -> dict[str, Any]:
    """Up from 0 over the first `warmup` steps, then down to 0, both in a straight line (transformers' default)."""
    return _each_step(Linear(optimizer, steps, warmup))


def poly(optimizer: Optimizer, steps: int, power: float = 0.9) -> dict[str, Any]:
    """Multiply by (1 - step / steps) ** power (DeepLab, nnU-Net)."""
    return _each_step(PolynomialLR(optimizer, total_iters=steps, power=power))


def step(optimizer: Optimizer, steps: int, every: float = 0.42, factor: float = 0.1) -> dict[str, Any]:
    """Multiply by `factor` each time a share `every` of the steps has passed."""
    return _each_step(StepLR(optimizer, step_size=max(1, round(every * steps)), gamma=factor))


def plateau(optimizer: Optimizer, steps: int, factor: float = 0.5, patience: int = 5) -> dict[str, Any]:
    """Multiply by `factor` when the validation loss has not fallen for `patience` epochs."""
    schedule = ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
    return {"scheduler": schedule, "interval": "epoch", "monitor": "val/loss"}


class Linear(LRScheduler):
    """Up in a straight line, and down again.

    Args:
        optimizer: whose rates are multiplied.
        steps: of the whole training.
        warmup: so many of them up, all but the last at most.
    """

    def __init__(self, optimizer: Optimizer, steps: int, warmup: int = 0) -> None:
        self.steps, self.warmup = steps, min(warmup, max(steps - 1, 0))
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Rates of this step."""
        return self._get_closed_form_lr()

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        up = self.last_epoch / self.warmup if self.warmup else 1.0
        down = (self.steps - self.last_epoch) / max(self.steps - self.warmup, 1)
        return [rate * max(min(up, down), 0.0) for rate in self.base_lrs]


def stretch(schedule: Any, fresh: Callable[[Optimizer], Any]) -> None:
    """Give a schedule that was restored from a checkpoint the length of a fresh one, and keep its place, in place.

    Args:
        schedule: as restored; one that no number of steps rules (plateau) stays as it is.
        fresh: makes the schedule of the new length for an optimiser.
    """
    if not isinstance(schedule, LRScheduler) or isinstance(schedule, ReduceLROnPlateau):
        return
    place, optimizer = schedule.last_epoch, schedule.optimizer
    new = fresh(optimizer)
    schedule.__dict__.update({key: new.__dict__[key] for key in schedule.state_dict() if key in new.__dict__})
    schedule.last_epoch = place
    for group, rate in zip(optimizer.param_groups, new.__class__._get_closed_form_lr(schedule), strict=True):
        group["lr"] = rate
    schedule._last_lr = [group["lr"] for group in optimizer.param_groups]


def _each_step(schedule: LRScheduler) -> dict[str, Any]:
    return {"scheduler": schedule, "interval": "step"}
