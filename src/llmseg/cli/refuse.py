"""Trainings that cannot be right are refused before they begin."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from llmseg.cli.build import partial
from llmseg.errors import ConfigError

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData


def check_length(trainer: Mapping[str, Any]) -> None:
    """Refuse a training without an end, which no schedule could be laid over.

    Raises:
        ConfigError: neither epochs nor steps are limited.
    """
    if trainer["max_epochs"] == -1 and trainer["max_steps"] == -1:
        raise ConfigError("trainer.max_epochs=-1: without an end; give trainer.max_steps, or a number of epochs")


def check_monitors(config: Mapping[str, Any], data: "TrainingData") -> None:
    """Refuse a schedule or early stopping that watches the validation where there is none.

    Raises:
        ConfigError: names the key.
    """
    trainer = config["trainer"]
    why = "" if data.part("val") else "there are no validation cases (data.split)"
    if trainer["limit_val_batches"] == 0:
        why = "trainer.limit_val_batches=0 leaves the validation out"
    scheduler = partial(config["scheduler"])(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0), 1)
    if "monitor" in scheduler and not why and trainer["check_val_every_n_epoch"] != 1:
        why = f"trainer.check_val_every_n_epoch={trainer['check_val_every_n_epoch']} leaves epochs without it"
    watching = {"scheduler": scheduler.get("monitor")}
    for name, node in (config.get("callbacks") or {}).items():
        if node and node["_target_"].endswith("EarlyStopping"):
            watching[f"callbacks.{name}"] = node.get("monitor")
        elif node and node["_target_"].endswith(".Pruning") and node.get("trial") is not None:
            watching[f"callbacks.{name}"] = node.get("monitor", "val/dice")
    for key, metric in watching.items():
        if why and str(metric).startswith("val/"):
            chosen = f"={config['choices'][key]}" if key in config["choices"] else ""
            raise ConfigError(f"{key}{chosen}: watches {metric}, but {why}")
