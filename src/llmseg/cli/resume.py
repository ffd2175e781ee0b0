"""`python train.py resume=RUN`: go on with a training that was stopped, exactly as if it had not been."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from llmseg.cli import build
from llmseg.cli.console import console_log, counted, log, quiet_libraries
from llmseg.cli.hardware import resolve, torch_device
from llmseg.cli.refuse import check_length
from llmseg.cli.tasks import task_of
from llmseg.errors import ConfigError, UserError
from llmseg.runs import RunFolder
from llmseg.runs.checkpoint import KEY, read
from llmseg.runs.result import last_value
from llmseg.runs.state import locked

if TYPE_CHECKING:
    from llmseg.cli.tasks.base import TrainingData

_MISSING = object()
_HARDWARE = ("trainer.accelerator", "trainer.devices", "trainer.precision")
MAY_CHANGE = (
    "trainer.max_epochs",
    "trainer.max_steps",
    "trainer.enable_progress_bar",
    "trainer.log_every_n_steps",
    "evaluate",
    "evaluation",
    "save_every_n_steps",
    "logger.mode",
    "data.root",
    "data.workers",
    "paths",
    "resume",
    "name",
)
"""Keys that may differ from the run's: how long, how often saved, where files lie; nothing that changes a step."""


def changed_config(run: RunFolder, cfg: DictConfig, overrides: Sequence[str]) -> dict[str, Any]:
    """The run's configuration with what was given beside `resume=`.

    Args:
        run: its config.yaml is what counts.
        cfg: composed from the command line; only what was really given there is looked at.
        overrides: words of the command line.

    Raises:
        ConfigError: a key was given that differs from the run's and may not; names all such keys.
    """
    config = run.config
    given, differing = build.plain(cfg), []
    for key in _given_keys(overrides):
        if key in config["choices"] and "." not in key:
            same = given["choices"].get(key) == config["choices"][key]
            new = given.get(key)
        else:
            new = _value(given, cfg, key)
            same = new == _at(config, key)
        if same or key == "paths.runs":
            continue
        if not _may_change(key) or new is _MISSING or _at(config, key) is _MISSING:
            differing.append(key)
        elif key not in ("resume", "name"):
            _put(config, key, new)
    if differing:
        raise ConfigError(
            f"resume={cfg.resume}: {', '.join(differing)} differ{'s' * (len(differing) == 1)} from the run's "
            "config.yaml; leave it out, or begin a new run"
        )
    task_of(config).check(config)
    check_length(config["trainer"])
    resolve(config["trainer"]["accelerator"], config["trainer"]["devices"], config["trainer"]["precision"])
    return config


def resume_point(run: RunFolder, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the run's last.ckpt goes on: epoch, batch, finished, steps; None before the first checkpoint.

    `finished` means: as long as the configuration now says.

    Raises:
        UserError: last.ckpt is missing, damaged, or was made with another configuration.
    """
    if not run.last.is_file():
        _check_begun(run)
        return None
    content = read(run.last)
    differing = sorted(key for key in _differences(content["llmseg"], config) if not _may_change(key))
    if differing:
        raise UserError(
            f"{run.last}: made with another configuration than the run's config.yaml: {', '.join(differing)} "
            f"differ{'s' * (len(differing) == 1)}"
        )
    point = {**content[KEY], "steps": content["global_step"]}
    _check_length(point, config["trainer"])
    lengths = ("trainer.max_epochs", "trainer.max_steps")
    is_longer = any(_at(content["llmseg"], key) != _at(config, key) for key in lengths)
    if config["trainer"]["max_steps"] != -1 and point["steps"] >= config["trainer"]["max_steps"]:
        is_longer = False  # more epochs would add no step
    return {**point, "finished": point["finished"] and not is_longer}


def check_split(run: RunFolder, data: "TrainingData") -> None:
    """Refuse to go on where the data folder now gives other cases.

    Raises:
        UserError: the split is not the run's.
    """
    file = run.path / "split.json"
    assert data.split is not None
    if file.is_file() and json.loads(file.read_text()) != json.loads(data.split.to_json()):
        raise UserError(f"{file}: data.root={data.config.root} now has other cases or another split; restore it")


def finish(run: RunFolder, config: Mapping[str, Any], data: "TrainingData", point: Mapping[str, Any]) -> None:
    """Say that a run was trained to its end, and score it where that is missing."""
    quiet_libraries()
    with locked(run), console_log(run.path / "console.log"):
        by_steps = config["trainer"]["max_steps"] != -1
        more = f"max_steps={2 * point['steps']}" if by_steps else f"max_epochs={2 * point['epoch']}"
        log.info(
            f"{run.path}: finished already, {counted(point['epoch'], 'epoch')}, "
            f"{counted(point['steps'], 'step')}; for more give "
            f"trainer.{more}"
        )
        if config["evaluate"] and not (run.path / "summary.json").is_file():
            device = torch_device(config["trainer"]["accelerator"])
            task_of(config).score(config, run, data, device)


def _check_begun(run: RunFolder) -> None:
    """A run without last.ckpt was stopped before its first; if it had come further, somebody took last.ckpt away."""
    if (last_value(run.path / "metrics.csv", "epoch") or 0) > 0:
        raise UserError(f"{run.last}: missing, though the training had come further; restore it, or begin a new run")


def _check_length(point: Mapping[str, Any], trainer: Mapping[str, Any]) -> None:
    begun = point["epoch"] + (point["batch"] > 0)
    if trainer["max_epochs"] not in (None, -1) and trainer["max_epochs"] < begun:
        raise ConfigError(f"trainer.max_epochs={trainer['max_epochs']}: the run is in its epoch {begun} already")
    if trainer["max_steps"] != -1 and trainer["max_steps"] < point["steps"]:
        raise ConfigError(f"trainer.max_steps={trainer['max_steps']}: the run has made {point['steps']} steps already")


def _given_keys(overrides: Sequence[str]) -> list[str]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [str(each.key_or_group) for each in parsed if not str(each.key_or_group).startswith("hydra")]


def _value(given: Mapping[str, Any], cfg: DictConfig, key: str) -> Any:
    if key in _HARDWARE:
        node = cfg.trainer
        return getattr(resolve(node.accelerator, node.devices, node.precision), key.partition(".")[2])
    if key == "data.root":
        return str(Path(given["data"]["root"]).expanduser().absolute())
    return _at(given, key)


def _at(node: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return _MISSING
        node = node[part]
    return node


def _put(config: dict[str, Any], key: str, value: Any) -> None:
    *parents, name = key.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    node[name] = value


def _may_change(key: str) -> bool:
    return any(key == allowed or key.startswith(f"{allowed}.") for allowed in MAY_CHANGE)


def _differences(one: Any, two: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for key in {**one, **two}:
            yield from _differences(
                one.get(key, _MISSING), two.get(key, _MISSING), f"{path}.{key}" if path else str(key)
            )
    elif one != two:
        yield path
