"""Loggers that the configuration names; each is a function of the run's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from llmseg.errors import UserError


def csv(folder: Path) -> Logger:
    """`metrics.csv` of every run."""
    return CSVLogger(folder.parent, name="", version=folder.name)


def none(folder: Path, config: Mapping[str, Any]) -> None:
    """Nothing besides metrics.csv."""


def tensorboard(folder: Path, config: Mapping[str, Any]) -> Logger:
    """Event files in `<run>/tensorboard`."""
    return TensorBoardLogger(folder, name="tensorboard", version="")


def wandb(folder: Path, config: Mapping[str, Any], mode: str = "offline", project: str = "llmseg") -> Logger | None:
    """Weights & Biases; `wandb sync <run>/wandb/offline-run-*` uploads an offline run.

    Args:
        folder: of the run.
        config: recorded as the run's configuration.
        mode: offline, online or disabled.
        project: W&B project.

    Raises:
        UserError: unknown mode, or online without a login.
    """
    if mode not in ("offline", "online", "disabled"):
        raise UserError(f"logger.mode={mode}: choose offline, online or disabled")
    if mode == "disabled":
        return None
    import wandb as client

    settings = client.Settings(
        console="off", silent=True, x_disable_stats=True, x_disable_meta=True, disable_git=True, init_timeout=30
    )
    logger = WandbLogger(
        save_dir=folder, project=project, mode=mode, name="/".join(folder.parts[-2:]), settings=settings
    )
    logger._wandb_init.pop("anonymous", None)  # Lightning passes it, and W&B warns that it means nothing any more
    _open(logger, config)
    return logger


@rank_zero_only
def _open(logger: WandbLogger, config: Mapping[str, Any]) -> None:
    """Start the run before the training, so that a missing login is not found after the first epoch."""
    from wandb.errors import CommError, UsageError

    try:
        logger.experiment.config.update(dict(config))
    except UsageError as error:
        raise UserError("logger.mode=online: not logged in; run `wandb login`, or use logger.mode=offline") from error
    except CommError as error:
        raise UserError(
            "logger.mode=online: W&B cannot be reached; use logger.mode=offline and `wandb sync`"
        ) from error


def report(loggers: Sequence[Logger], summary: Mapping[str, Any], figure: Path) -> None:
    """Send a run's mean scores, and its figure where the logger shows pictures."""
    scores = {f"test/{name}": value for name, value in summary["mean"].items() if value is not None}
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.summary.update(scores)
            if figure.exists():
                logger.log_image("test/cases", [str(figure)])
        elif isinstance(logger, TensorBoardLogger):
            logger.log_metrics(scores)


@rank_zero_only
def close(loggers: Sequence[Logger]) -> None:
    """End what a logger keeps open, so that the next run of a sweep does not write into this one."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
