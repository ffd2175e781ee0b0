"""Loggers that the configuration names; each is a function of the run's folder.

All get the same metrics under the same names. What W&B gets leaves the machine: no folders, no names of cases.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from llmseg.errors import ConfigError, UserError
from llmseg.runs.environment import environment
from llmseg.runs.folder import RunFolder
from llmseg.runs.metrics import Metrics
from llmseg.runs.privacy import case_names, public
from llmseg.whole import write

WANDB_ID = "wandb_id"
"""File with the id of the run at W&B, so that a training that is resumed goes on in the same run."""


def csv(folder: Path) -> Logger:
    """`metrics.csv` of every run; a resumed one goes on with the rows that are there."""
    return Metrics(folder.parent, name="", version=folder.name)


def none(folder: Path, config: Mapping[str, Any]) -> None:
    """Nothing besides metrics.csv."""


def tensorboard(folder: Path, config: Mapping[str, Any]) -> Logger:
    """Event files in `<run>/tensorboard`."""
    return TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False)


class Wandb(WandbLogger):
    """Lightning's logger, and whether the weights are sent when the training is over."""

    artifacts: bool = False


def wandb(
    folder: Path,
    config: Mapping[str, Any],
    mode: str = "offline",
    project: str = "llmseg",
    artifacts: bool = False,
) -> Logger | None:
    """Weights & Biases; `wandb sync <run>/wandb/offline-run-*` uploads an offline run.

    Args:
        folder: of the run.
        config: recorded as the run's configuration, without the machine's folders.
        mode: offline, online or disabled.
        project: W&B project.
        artifacts: send the weights of last.ckpt and best.ckpt at the end.

    Raises:
        ConfigError: unknown mode.
        UserError: online without a login or a connection.
    """
    if mode not in ("offline", "online", "disabled"):
        raise ConfigError(f"logger.mode={mode}: choose offline, online or disabled")
    if mode == "disabled":
        return None
    import wandb as client

    settings = client.Settings(
        console="off", silent=True, x_disable_stats=True, x_disable_meta=True, disable_git=True, disable_code=True,
        disable_job_creation=True, host="", init_timeout=30,
    )  # fmt: skip
    name = "/".join(folder.parts[-2:])
    place = folder.absolute()  # W&B's service writes, from the folder in which the process began
    logger = Wandb(save_dir=place, project=project, mode=mode, name=name, id=_wandb_id(folder), settings=settings)
    logger.artifacts = artifacts
    logger._wandb_init.pop("anonymous", None)  # Lightning passes it, and W&B warns that it means nothing any more
    _open(logger, config)
    return logger


def _wandb_id(folder: Path) -> str:
    """The run's id: the file's, or that of the sweep agent that started this process, or a new one."""
    from wandb.sdk.lib.runid import generate_id

    file = folder / WANDB_ID
    if file.is_file():
        return file.read_text().strip()
    name = (os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None) or generate_id()
    _keep(file, name)
    return name


@rank_zero_only
def _keep(file: Path, name: str) -> None:
    write(file, f"{name}\n")


@rank_zero_only
def _open(logger: WandbLogger, config: Mapping[str, Any]) -> None:
    """Start the run before the training, so that a missing login is not found after the first epoch."""
    from wandb.errors import CommError, UsageError

    facts = environment()
    code = {"git": facts["git"], "python": facts["python"], **facts["packages"]}
    try:
        logger.experiment.config.update({**public(config), "code": code}, allow_val_change=True)
    except UsageError as error:
        raise UserError("logger.mode=online: not logged in; run `wandb login`, or use logger.mode=offline") from error
    except CommError as error:
        raise UserError(
            "logger.mode=online: W&B cannot be reached; use logger.mode=offline and `wandb sync`"
        ) from error


def report(loggers: Sequence[Logger], summary: Mapping[str, Any], run: Path) -> None:
    """Send a run's mean scores and the table of its cases."""
    scores = {f"test/{name}": value for name, value in summary["mean"].items() if value is not None}
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.summary.update(scores)
            logger.log_table("test/cases", dataframe=_case_table(run))
        elif isinstance(logger, TensorBoardLogger):
            logger.log_metrics(scores)


def images(loggers: Sequence[Logger], name: str, figure: Path, panels: Sequence[Mapping[str, Any]], step: int) -> None:
    """Send pictures of masks: to TensorBoard the figure, to W&B the panels, whose masks can be switched on and off.

    Args:
        loggers: the trainer's; others than these two show no pictures.
        name: under which they are filed.
        figure: a PNG file.
        panels: `image` (H, W), `masks` name -> index map (H, W), `classes` index -> name, `caption`.
        step: of the training.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            size = np.max([panel["image"].shape for panel in panels], axis=0)  # W&B shows pictures of one size only
            masks = [
                {
                    key: {"mask_data": _padded(mask, size), "class_labels": panel["classes"]}
                    for key, mask in panel["masks"].items()
                }
                for panel in panels
            ]
            pictures = [_padded(panel["image"], size) for panel in panels]
            logger.log_image(name, pictures, masks=masks, caption=[panel["caption"] for panel in panels])
        elif isinstance(logger, TensorBoardLogger):
            from matplotlib.image import imread

            logger.experiment.add_image(name, imread(figure)[..., :3], step, dataformats="HWC")


def _padded(plane: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.pad(plane, [(0, int(n) - m) for n, m in zip(size, plane.shape, strict=True)])


@rank_zero_only
def close(loggers: Sequence[Logger]) -> None:
    """End what a logger keeps open, so that the next run of a sweep does not write into this one."""
    for logger in loggers:
        if isinstance(logger, Wandb) and logger.artifacts:
            _send_weights(logger)
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _case_table(run: Path) -> pd.DataFrame:
    """cases.csv or boxes.csv without names, or the numbers of reports.csv without texts: W&B shows it to many."""
    names = case_names(RunFolder(run))
    file = next(each for each in (run / f"{name}.csv" for name in ("cases", "boxes", "reports")) if each.is_file())
    frame = pd.read_csv(file, dtype={"case": str, "id": str})
    if file.stem == "reports":
        from llmseg.evaluation.reports.scores import METRICS

        kept = ["id", "method", *(name for name in METRICS if name in frame)]
        frame = frame[kept].rename(columns={"id": "case"})
    frame = frame.drop(columns="group", errors="ignore")
    return frame.assign(case=[names[id_] for id_ in frame["case"]])


def _send_weights(logger: Wandb) -> None:
    """Send the network's weights and its public configuration; the rest of a checkpoint has folders in it."""
    import wandb as client

    folder = RunFolder(Path(str(logger.save_dir)))
    artifact = client.Artifact(f"run-{logger.version}", type="model")
    with TemporaryDirectory() as scratch:
        for file in sorted(folder.checkpoints.glob("*.ckpt")):
            content = torch.load(file, map_location="cpu", weights_only=True)
            kept = {"llmseg": public(content["llmseg"]), "state_dict": content["state_dict"]}
            torch.save(kept, Path(scratch) / file.name)
            artifact.add_file(str(Path(scratch) / file.name))
        if artifact.manifest.entries:
            logger.experiment.log_artifact(artifact)
