"""Gives up a trial of a sweep that does worse than the others did at the same epoch."""

from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from llmseg.runs.folder import RunFolder
from llmseg.runs.state import mark_pruned

PRUNED = "pruned"
"""User attribute of a trial that was given up: its state in the study is set by the sweeper, once the job is over."""


class Pruning(Callback):
    """Reports each validation to the study, and ends the training where the study's pruner says so.

    The training ends as by early stopping, on all processes, rather than by an exception: a rank that dies would take
    the others with it.

    Args:
        study: its name.
        storage: URL of its database.
        pruner: see `llmseg.runs.study.make_pruner`.
        startup: see there.
        warmup: see there.
        trial: number of the trial; None outside a sweep: does nothing.
        monitor: what is maximised.
    """

    def __init__(
        self,
        study: str,
        storage: str,
        pruner: str = "median",
        startup: int = 5,
        warmup: int = 2,
        trial: int | None = None,
        monitor: str = "val/dice",
    ) -> None:
        self.study, self.storage = study, storage
        self.pruner, self.startup, self.warmup = pruner, startup, warmup
        self.trial, self.monitor = trial, monitor
        self._validations = 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, ask, and tell all processes the answer."""
        if self.trial is None or trainer.sanity_checking or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        hopeless = self._report(trainer) if trainer.is_global_zero else False
        if trainer.strategy.broadcast(hopeless):
            trainer.should_stop = True

    def _report(self, trainer: pl.Trainer) -> bool:
        from llmseg.runs.study import make_pruner, open_study, open_trial

        assert self.trial is not None
        value = float(trainer.callback_metrics[self.monitor])
        study = open_study(self.study, self.storage, make_pruner(self.pruner, self.startup, self.warmup))
        trial = open_trial(study, self.trial)
        if study.trials[self.trial].state.is_finished():  # a trial's run that was resumed after its sweep
            return False
        trial.report(value, step=self._validations)
        self._validations += 1
        hopeless = trial.should_prune()
        if hopeless:
            trial.set_user_attr(PRUNED, True)
            mark_pruned(RunFolder(Path(trainer.default_root_dir)), trainer.current_epoch, value)
        return hopeless
