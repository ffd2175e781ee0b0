"""`python evaluate.py run=...`: score trained networks again, one or an ensemble, also on another data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from llmseg.data.datamodule import SegmentationData
    from llmseg.runs import RunFolder


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("evaluate", "llmseg.cli.evaluate:evaluate")


def evaluate(cfg: "DictConfig") -> float | None:
    """Score a run's checkpoints, or the ensemble of several runs; the first run's own test cases unless told otherwise.

    Returns:
        Mean Dice.

    Raises:
        UserError: no such run or checkpoint, or data that do not fit its network.
    """
    from omegaconf import OmegaConf

    from llmseg.cli.opened import open_runs

    runs = open_runs(cfg.run)

    from llmseg.cli import build
    from llmseg.cli.console import console_log, quiet_libraries
    from llmseg.cli.hardware import torch_device
    from llmseg.cli.score import Scorer
    from llmseg.cli.trained import check_windows
    from llmseg.data.datamodule import PARTS
    from llmseg.errors import ConfigError

    quiet_libraries()
    if cfg.part not in PARTS:
        raise ConfigError(f"part={cfg.part}: choose {', '.join(PARTS)}")
    trained = runs[0].config
    node = OmegaConf.create(_data_node(trained, cfg, runs[0]))
    build.complete_data(node)
    build.check_checkpoints(cfg.evaluation.checkpoints)
    check_windows(cfg.evaluation, trained["model"]["spatial_dims"], node.patch_size)
    _check_fit(trained["data"], node)
    data = build.build_data(build.plain(node), trained["model"]["spatial_dims"], Path(cfg.paths.cache), trained["seed"])
    data.prepare([cfg.part])
    if cfg.part in ("val", "test"):
        _check_unseen(runs, data, cfg.part)
    name = f"{node.name}-{cfg.part}" if len(runs) == 1 else f"{node.name}-{cfg.part}-ensemble-of-{len(runs)}"
    output = Path(cfg.output) if cfg.output else runs[0].path / "evaluations" / name
    options = build.plain(cfg.evaluation)
    with console_log(output / "console.log"):
        summary = Scorer(runs, data, cfg.part, options, torch_device(cfg.accelerator))(output)
    dice: float | None = summary["mean"]["dice"]
    return dice


def _data_node(trained: dict[str, Any], cfg: "DictConfig", folder: Any) -> dict[str, Any]:
    """The run's data, with single keys changed; or another data set, preprocessed as the network was trained."""
    from omegaconf import OmegaConf

    from llmseg.cli.opened import NO_CHOICE, PREPROCESSING

    own = trained["data"]
    given = OmegaConf.to_container(cfg.data, resolve=True) if cfg.get("data") else {}
    assert isinstance(given, dict)
    if "reader" in given:
        return {**given, **{key: own[key] for key in PREPROCESSING}}
    split = {**own["split"], **given.get("split", {})}
    if "root" not in given and "split" not in given:
        split["file"] = str(folder.path / "split.json")  # the very cases, even if the folder has grown since
        own = {**own, **NO_CHOICE}  # that file has the run's fold already
    return {**own, **given, "split": split}


def _check_unseen(runs: Sequence["RunFolder"], data: "SegmentationData", part: str) -> None:
    """Refuse to score an ensemble on cases that one of its networks was trained on: the folds' validation cases."""
    from llmseg.data.split import Split
    from llmseg.data.validation import shorten
    from llmseg.errors import ConfigError

    scored = {each.case.id for each in data.part(part)}
    for other in runs[1:]:  # the first one's own split is the one that is scored
        file = other.path / "split.json"
        if other.config["data"]["root"] != data.config.root or not file.is_file():
            continue
        if seen := sorted(scored.intersection(Split.from_json(file).train)):
            raise ConfigError(
                f"part={part}: {other.path} was trained on {len(seen)} of these cases ({shorten(seen)}): score the "
                "ensemble on cases that none of its runs has seen"
            )


def _check_fit(own: dict[str, Any], given: "DictConfig") -> None:
    from llmseg.errors import ConfigError

    if given.channels != own["channels"]:
        raise ConfigError(
            f"data.channels={given.channels}: the run's network takes {own['channels']}; choose the same modalities"
        )
    if list(given.classes) != list(own["classes"]) or given.overlapping != own["overlapping"]:
        raise ConfigError(
            f"data.classes={list(given.classes)}: the run's network segments {list(own['classes'])}; choose the same"
        )


if __name__ == "__main__":
    main()
