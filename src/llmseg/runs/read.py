"""Read runs again: one network, or a table of all runs. Needs no Hydra."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from llmseg.errors import UserError
from llmseg.models.build import build_network
from llmseg.runs.checkpoint import reading
from llmseg.runs.folder import RunFolder, nothing_in

_ELSEWHERE = {
    "grounding": ("boxes", "python compare.py run=... compares them"),
    "report": ("reports", "their scores stand in their summary.json, and python -m llmseg.cli.runs lists them"),
}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights, and the configuration that it was trained with.

    Attributes:
        net: in evaluation mode.
        config: of its run.
        networks: names of all networks that the run's method tests.
    """

    net: nn.Module
    config: dict[str, Any]
    networks: tuple[str, ...] = ("net",)


def load(path: str | Path, checkpoint: str = "last") -> TrainedNetwork:
    """Rebuild the network of a run in evaluation mode, on the CPU; of a pair, the first.

    Args:
        path: a run folder, or a checkpoint file.
        checkpoint: `last` or `best` (on the validation cases), where `path` is a folder.

    Raises:
        UserError: no run or checkpoint there, or one that cannot be read.
    """
    return load_all(path, checkpoint, ["net"])[0]


def load_all(path: str | Path, checkpoint: str = "last", networks: Sequence[str] | None = None) -> list[TrainedNetwork]:
    """Rebuild the networks of a run whose mean probability its method tests.

    Args:
        path: see `load`.
        checkpoint: see `load`.
        networks: some of them, by name: `net`, and of a method with two networks `peer`; None: all.

    Raises:
        UserError: see `load`; or no network of that name.
    """
    path = Path(path)
    file = path if path.is_file() else RunFolder.open(path).checkpoint(checkpoint)
    with reading(file):
        content = torch.load(file, map_location="cpu", weights_only=True)
        config: dict[str, Any] = content["llmseg"]
        nodes: dict[str, Any] = content.get("networks") or {"net": config["model"]}
        if unknown := [name for name in networks or () if name not in nodes]:
            raise UserError(f"{file}: holds no network {unknown[0]!r}; there is {', '.join(nodes)}")
        chosen = nodes if networks is None else {name: nodes[name] for name in networks}
        nets = [_built(name, node, content["state_dict"]) for name, node in chosen.items()]
        return [TrainedNetwork(net, config, tuple(nodes)) for net in nets]


def _built(name: str, node: Mapping[str, Any], state: Mapping[str, Any]) -> nn.Module:
    net = build_network(node)
    prefix = f"{name}."
    net.load_state_dict({key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)})
    return net.eval()


def collect(root: str | Path, task: str = "segmentation") -> pd.DataFrame:
    """One row for each finished run of a task below `root`: its configuration and its results.

    Columns are dotted keys: `config.model.widths`, `config.choices.model`, `summary.mean.dice`, ..., besides `run`, the
    folder. Runs without a summary.json are left out.
    """
    rows = []
    for file in sorted(Path(root).rglob("summary.json")):
        if not (file.parent / "config.yaml").is_file():
            continue
        folder = RunFolder(file.parent)
        if folder.config.get("task", "segmentation") != task:
            continue
        row = {"run": str(file.parent)}
        row |= _flat("config", folder.config) | _flat("summary", json.loads(file.read_text()))
        rows.append(row)
    return pd.DataFrame(rows)


def no_runs(roots: Sequence[str | Path]) -> str:
    """Why nothing came of `collect`: there is no finished run below `roots`, or those that are have another task."""
    for task, (what, command) in _ELSEWHERE.items():
        if any(len(collect(root, task)) for root in roots):
            where = ", ".join(map(str, roots))
            return f"{where}: the finished runs there are of {what}, not of segmentation; {command}"
    return nothing_in(roots)


def collect_cases(root: str | Path) -> pd.DataFrame:
    """The rows of every run's cases.csv below `root`, with the run's folder, model, data set and seed beside them."""
    tables = []
    for file in sorted(Path(root).rglob("cases.csv")):
        if (file.parent / "config.yaml").is_file():
            config = RunFolder(file.parent).config
            facts = {"run": str(file.parent), "seed": config["seed"], **config["choices"]}
            tables.append(
                pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={"case": str, "group": str}).assign(
                    **facts
                )
            )
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _flat(prefix: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    return {key: item for name, part in value.items() for key, item in _flat(f"{prefix}.{name}", part).items()}
