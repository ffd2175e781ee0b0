"""`python export.py run=...`: a trained network as ONNX with a script for it, or a writer of reports as a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("export", "llmseg.cli.export:export")


def export(cfg: "DictConfig") -> None:
    """Write model.onnx, preprocessing.json and infer_onnx.py, checked against PyTorch.

    Raises:
        UserError: no such run or checkpoint, a package is missing, or the network does not come out the same.
    """
    from llmseg.errors import ConfigError
    from llmseg.runs import RunFolder

    if cfg.checkpoint not in ("last", "best"):
        raise ConfigError(f"checkpoint={cfg.checkpoint}: choose last or best")
    if not 0 <= cfg.overlap < 1:
        raise ConfigError(f"overlap={cfg.overlap:g}: must be at least 0 and below 1")
    folder = RunFolder.open(Path(cfg.run).expanduser())
    task = folder.config.get("task", "segmentation")
    if task == "report":
        from llmseg.cli.export_reports import export_writer

        return export_writer(cfg, folder)
    if task != "segmentation":
        raise ConfigError(f"run={cfg.run}: a run of {task}; only networks of masks and writers of reports are exported")
    if cfg.format is not None:
        raise ConfigError(f"format={cfg.format}: is for report runs; networks of masks become ONNX")
    from llmseg.cli.trained import data_config
    from llmseg.data.preprocessing import Recipe
    from llmseg.inference.export import export as write
    from llmseg.inference.export import require_packages
    from llmseg.runs import load

    require_packages()
    trained = load(folder.path, cfg.checkpoint)
    data = data_config(trained.config)
    recipe = Recipe.of(data, trained.config["model"]["spatial_dims"])
    exported = write(
        trained.net,
        recipe,
        data.modalities or [f"channel {number}" for number in range(int(data.channels or 1))],
        recipe.image_size or tuple(data.patch_size),
        Path(cfg.output).expanduser() if cfg.output else folder.path / "export",
        cfg.overlap,
        _origin(trained.config, cfg.checkpoint),
    )
    if "peer" in trained.networks:
        print("of the two networks that this run tests together, model.onnx holds the first")
    size = "any size that fits the network" if exported.dynamic_size else "the size it was trained with only"
    batch = "any number of images" if exported.dynamic_batch else "one image at a time"
    print(f"{exported.folder}: model.onnx takes {batch}, of {size}")
    print(f"checked: logits differ from PyTorch's by {exported.difference:.0e} of the largest at most")
    print(
        f"use it:  python {exported.folder / 'infer_onnx.py'} scan.nii.gz [a file for each further channel] mask.nii.gz"
    )


def _origin(config: dict[str, Any], checkpoint: str) -> dict[str, Any]:
    """Where the network comes from; infer_onnx.py does not need it."""
    return {
        "trained": {
            "model": config["choices"]["model"],
            "data": config["data"]["name"],
            "method": config["choices"]["method"],
            "seed": config["seed"],
            "checkpoint": checkpoint,
            "precision": str(config["trainer"]["precision"]),  # of the training; the file computes in float32
        }
    }


if __name__ == "__main__":
    main()
