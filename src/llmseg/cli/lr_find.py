"""`python train.py lr_find=true`: a learning rate to begin with, before any real training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytorch_lightning.tuner import Tuner

from llmseg.cli import build
from llmseg.cli.console import console_log, log, quiet_libraries
from llmseg.errors import UserError
from llmseg.methods.method import Method
from llmseg.runs import RunFolder
from llmseg.runs.state import recorded

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData

STEPS = 100
LOWEST, HIGHEST = 1e-7, 1.0
# one process: the rate is the same for many, and they would have to be started without Hydra
_TRAINER = {
    "max_epochs": -1,
    "max_steps": STEPS,
    "num_nodes": 1,
    "strategy": "auto",
    "fast_dev_run": False,
    "enable_progress_bar": False,
}


def find(config: Mapping[str, Any], run: RunFolder, data: "TrainingData", method: Method) -> float:
    """Range test (Smith 2017): raise the rate from step to step and look where the loss falls fastest.

    Prints the suggestion and writes figures/lr_find.png; no checkpoint, no metrics.

    Raises:
        UserError: the loss was not finite often enough.
    """
    quiet_libraries()
    trainer = build.build_trainer(
        {
            **config,
            "callbacks": {},
            "logger": None,
            "trainer": {**config["trainer"], **_TRAINER, "devices": _first(config["trainer"]["devices"])},
        },
        run,
    )
    with recorded(run), console_log(run.path / "console.log"):
        finder = Tuner(trainer).lr_find(
            method, datamodule=data, min_lr=LOWEST, max_lr=HIGHEST, num_training=STEPS, update_attr=False
        )
        assert finder is not None
        rate = finder.suggestion()
        if rate is None:
            raise UserError("lr_find: the loss was not finite often enough; look at the data and the loss")
        figure = finder.plot(suggest=True)
        assert figure is not None
        path = run.path / "figures" / "lr_find.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=150)
        log.info(f"lr_find: the loss falls fastest at {rate:.2g}, see {path}; train with optimizer.lr={rate:.2g}")
    return rate


def _first(devices: int | list[int]) -> int | list[int]:
    return devices[:1] if isinstance(devices, list) else 1
