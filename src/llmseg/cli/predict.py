"""`python predict.py run=... input=... output=...`: masks for new scans."""

from typing import TYPE_CHECKING

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("predict", "llmseg.cli.predict:predict")


def predict(cfg: "DictConfig") -> None:
    """Write a mask for every input, go on behind broken ones and name them at the end.

    Raises:
        UserError: no such run or input, or an input that could not be predicted; the others' masks are written.
    """
    from collections.abc import Sequence
    from pathlib import Path

    from llmseg.cli.opened import open_runs
    from llmseg.errors import ConfigError
    from llmseg.runs import RunFolder

    if cfg.checkpoint not in ("last", "best"):
        raise ConfigError(f"checkpoint={cfg.checkpoint}: choose last or best")
    if not isinstance(cfg.run, Sequence) or isinstance(cfg.run, str):
        first = RunFolder.open(Path(str(cfg.run)).expanduser())
        if first.config.get("task") == "grounding":
            from llmseg.cli.predict_boxes import predict_boxes

            return predict_boxes(cfg, first)
    if not 0 <= cfg.overlap < 1:
        raise ConfigError(f"overlap={cfg.overlap}: must be a share, 0 or more and below 1")
    runs = open_runs(cfg.run)

    from llmseg.cli.batch import Batch, Wanted
    from llmseg.cli.console import console_log, quiet_libraries
    from llmseg.cli.hardware import torch_device
    from llmseg.cli.trained import data_config, segmenter
    from llmseg.data.preprocessing import Recipe
    from llmseg.inference.inputs import Channels, find_inputs
    from llmseg.runs import load_all

    quiet_libraries()
    device = torch_device(cfg.accelerator)
    output = Path(cfg.output).expanduser()
    if (output.exists() and not output.is_dir()) or output.name.endswith((".nii.gz", ".nii", ".png")):
        raise ConfigError(f"output={output}: name a folder; masks have the names of their inputs")
    config = data_config(runs[0].config)
    channels = Channels(int(config.channels or 1), tuple(config.modalities or ()))
    inputs = find_inputs(Path(cfg.input).expanduser(), channels, output)
    spatial_dims = runs[0].config["model"]["spatial_dims"]
    recipe = Recipe.of(config, spatial_dims)
    trained = [network for each in runs for network in load_all(each.path, cfg.checkpoint)]
    network = segmenter(trained, recipe, recipe.image_size or config.patch_size, device, cfg.overlap, cfg.tta)
    wanted = Wanted(cfg.largest_component, cfg.probabilities, cfg.overlay, cfg.volumes)
    batch = Batch(network, output, wanted)
    batch.check(inputs)
    with console_log(output / "console.log"):
        batch(inputs)


if __name__ == "__main__":
    main()
