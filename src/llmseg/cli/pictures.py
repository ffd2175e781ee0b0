"""The data and the predictions of a finished run, to be drawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from llmseg.data.cases import Case
    from llmseg.data.datamodule import SegmentationData
    from llmseg.plots.predictions import Prediction
    from llmseg.runs import RunFolder


def data_of(run: "RunFolder") -> "SegmentationData":
    """A run's data with the split that it wrote.

    Raises:
        UserError: the data are not where they were.
    """
    from llmseg.cli import build
    from llmseg.cli.opened import NO_CHOICE

    config = run.config
    split = {**config["data"]["split"], "file": str(run.path / "split.json")}
    node = {**config["data"], **NO_CHOICE, "split": split}
    cache = Path(config["paths"]["cache"])
    return build.build_data(node, config["model"]["spatial_dims"], cache, config["seed"])


def what(data: "SegmentationData") -> list[object]:
    """What runs share that can be drawn side by side: where their data lie, their classes and test cases."""
    return [data.config.root, data.recipe.classes, *(cached.case.id for cached in data.part("test"))]


def prediction_of(run: "RunFolder", data: "SegmentationData") -> "Prediction":
    """What a run's last checkpoint, or a study's program, predicts; read for each case anew, to save memory."""

    def predict(case: "Case") -> NDArray[np.uint8]:
        import torch

        from llmseg.cli.trained import segmenter
        from llmseg.runs import load_all
        from llmseg.study.written import written_by

        predictor = (  # a study has no network, but the masks of its program
            written_by(run, data.recipe)
            if (run.path / "study.json").is_file()
            else segmenter(load_all(run.path), data.recipe, data.patch(), torch.device("cpu"))
        )
        (cached,) = (each for each in data.part("test") if each.case.id == case.id)
        mask: NDArray[Any] = predictor.mask(cached)
        return mask

    return predict
