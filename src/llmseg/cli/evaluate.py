"""`python evaluate.py run=...`: score a trained network again, also on another data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

PREPROCESSING = (
    "orientation",
    "spacing",
    "intensity",
    "window",
    "crop_foreground",
    "slice_axis",
    "image_size",
    "patch_size",
)
"""Keys of `data` that belong to the trained network, whatever data set it is shown."""


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("evaluate", "llmseg.cli.evaluate:evaluate")


def evaluate(cfg: "DictConfig") -> float | None:
    """Score the run's checkpoints; its own test cases unless told otherwise.

    Returns:
        Mean Dice.

    Raises:
        UserError: no such run or checkpoint, or data that do not fit its network.
    """
    from omegaconf import OmegaConf

    from llmseg.cli import build
    from llmseg.cli.console import console_log, quiet_libraries
    from llmseg.cli.hardware import torch_device
    from llmseg.cli.score import Scorer
    from llmseg.runs import RunFolder

    quiet_libraries()
    folder = RunFolder.open(Path(cfg.run))
    trained = folder.config
    node = OmegaConf.create(_data_node(trained, cfg, folder))
    build.complete_data(node)
    build.check_checkpoints(cfg.evaluation.checkpoints)
    _check_fit(trained["data"], node)
    data = build.build_data(build.plain(node), trained["model"]["spatial_dims"], Path(cfg.paths.cache), trained["seed"])
    data.prepare([cfg.part])
    output = Path(cfg.output) if cfg.output else folder.path / "evaluations" / f"{node.name}-{cfg.part}"
    options = build.plain(cfg.evaluation)
    with console_log(output / "console.log"):
        summary = Scorer(folder, data, cfg.part, options, torch_device(cfg.accelerator))(output)
    dice: float | None = summary["mean"]["dice"]
    return dice


def _data_node(trained: dict[str, Any], cfg: "DictConfig", folder: Any) -> dict[str, Any]:
    """The run's data, with single keys changed; or another data set, preprocessed as the network was trained."""
    from omegaconf import OmegaConf

    own = trained["data"]
    given = OmegaConf.to_container(cfg.data, resolve=True) if cfg.get("data") else {}
    assert isinstance(given, dict)
    if "reader" in given:
        return {**given, **{key: own[key] for key in PREPROCESSING}}
    split = {**own["split"], **given.get("split", {})}
    if "root" not in given and "split" not in given:
        split["file"] = str(folder.path / "split.json")  # the very cases, even if the folder has grown since
    return {**own, **given, "split": split}


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
