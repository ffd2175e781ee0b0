"""`python train.py`: train a network, and score it."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from llmseg.runs import RunFolder


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("train", "llmseg.cli.train:train")


def train(cfg: "DictConfig") -> float | None:
    """Check everything, make the run's folder, then train here or in one process a device.

    Returns:
        Mean test Dice of the last checkpoint, for sweeps; None without evaluation.

    Raises:
        UserError: anything that the user can mend. Up to the start of the training nothing has been written but
            the cache.
    """
    from llmseg.cli import build
    from llmseg.cli.job import execute, result
    from llmseg.errors import ConfigError, UserError
    from llmseg.runs import RunFolder

    build.complete(cfg)
    config = build.plain(cfg)
    data = build.build_data(config["data"], config["model"]["spatial_dims"], Path(config["paths"]["cache"]), cfg.seed)
    data.prepare(("train", "val", "test") if cfg.evaluate else ("train", "val"))
    if cfg.evaluate and not data.part("test"):
        raise ConfigError(f"data.split.test={cfg.data.split.test}: no cases to score; hold some out, or evaluate=false")
    net = build.build_net(config, data)

    method = build.build_method(config, net, data)

    folder = RunFolder.create(Path(config["paths"]["runs"]), config["name"])
    folder.write_config(config)
    try:
        if _processes(config) == 1:
            execute(config, folder, data, method)
        else:
            _in_worker(folder, _processes(config))
    except UserError:
        folder.discard()
        raise
    return result(folder)


def _in_worker(folder: "RunFolder", processes: int) -> None:
    """Train in a fresh process without Hydra, which Lightning re-executes once a device.

    Inside a sweep, a rank that contained Hydra would start the whole sweep again.
    """
    from llmseg.errors import UserError

    words = [sys.executable, "-m", "llmseg.cli.worker", str(folder.path / "config.yaml")]
    if code := subprocess.run(words, check=False).returncode:
        raise UserError(f"{folder.path}: the training in {processes} processes failed (exit code {code}), see above")


def _processes(config: dict[str, Any]) -> int:
    devices = config["trainer"]["devices"]
    per_node = devices if isinstance(devices, int) else len(devices)
    return int(per_node * config["trainer"]["num_nodes"])


if __name__ == "__main__":
    main()
