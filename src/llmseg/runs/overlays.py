"""Pictures of the same validation cases every few epochs: one sees a training go wrong before its numbers say why."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.strategies import FSDPStrategy
from torch import Tensor

from llmseg.data.cache import CachedCase
from llmseg.data.datamodule import SegmentationData
from llmseg.data.formats import picture
from llmseg.data.resize import hard_label, most_probable
from llmseg.inference.predict import predict_stack, sigmoid_or_softmax
from llmseg.plots.cases import largest_slice
from llmseg.plots.epochs import Panel, draw_epoch
from llmseg.runs import loggers
from llmseg.runs.folder import RunFolder
from llmseg.runs.privacy import case_names


class Overlays(Callback):
    """Draws predicted masks into `<run>/figures/epochs/`, and sends them to TensorBoard and W&B under anonymous names.

    The network is asked in evaluation mode, so that nothing random is drawn and the training goes on as without it.

    Args:
        every_n_epochs: how often.
        cases: the first so many of the validation list, each at the slice with most of its label.
    """

    def __init__(self, every_n_epochs: int = 5, cases: int = 4) -> None:
        if every_n_epochs < 1 or cases < 1:
            raise ValueError("callbacks.overlays: every_n_epochs and cases are at least 1")
        self.every_n_epochs, self.cases = every_n_epochs, cases

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw on the first process, where it is time to."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        is_time = (trainer.current_epoch + 1) % self.every_n_epochs == 0
        if (
            trainer.sanity_checking
            or not is_time
            or not trainer.is_global_zero
            or not isinstance(data, SegmentationData)
        ):
            return
        cases = data.part("val")[: self.cases]
        # a network in shards cannot be asked by one process alone
        if not cases or trainer.fast_dev_run or isinstance(trainer.strategy, FSDPStrategy):  # type: ignore[attr-defined]
            return
        run = RunFolder(Path(str(trainer.default_root_dir)))
        names = case_names(run)
        with trainer.precision_plugin.val_step_context():
            panels = [_panel(each, names[each.case.id], data, pl_module) for each in cases]
        file = run.path / "figures" / "epochs" / f"epoch_{trainer.current_epoch:04d}.png"
        draw_epoch(panels, data.recipe.classes, file, f"epoch {trainer.current_epoch}")
        sent = [_sent(panel, data.recipe.classes) for panel in panels]
        with suppress(OSError):  # a picture that cannot be sent is no reason to stop
            loggers.images(trainer.loggers, "val/overlays", file, sent, trainer.global_step)


def _panel(cached: CachedCase, name: str, data: SegmentationData, module: pl.LightningModule) -> Panel:
    """The slice of a case with most of its label, on the network's grid."""
    stored = cached.label()
    assert stored is not None, "validation cases have labels"
    label = hard_label(torch.from_numpy(np.array(stored)), data.recipe.overlapping)
    image = torch.from_numpy(np.array(cached.image()))
    truth = _masks(label, data)
    if data.spatial_dims == 2:
        index = int(truth.flatten(1).sum(1).argmax()) if truth.any() else len(truth) // 2
        image, truth = image[index : index + 1], truth[index : index + 1]
        predicted = _predicted(image, data, module)
        planes = image[0, 0].numpy(), truth[0].numpy(), predicted[0].numpy()
    else:
        predicted = _predicted(image, data, module)
        index = largest_slice(truth[0].numpy(), data.recipe.slice_axis)
        axis = data.recipe.slice_axis + 1
        planes = (
            image[0, :1].select(axis, index)[0].numpy(),
            truth[0].select(axis, index).numpy(),
            predicted[0].select(axis, index).numpy(),
        )
    if not picture.claims(cached.case.images[0]):  # a scan's first axis is the patient's left to right
        planes = tuple(np.rot90(plane, axes=(-2, -1)) for plane in planes)  # type: ignore[assignment]
    return Panel(name, *planes)


def _predicted(image: Tensor, data: SegmentationData, module: pl.LightningModule) -> Tensor:
    """Masks (S, K, *spatial) of a stack."""
    logits = predict_stack(module.net, image.to(module.device), data.patch())  # type: ignore[arg-type]
    probability = sigmoid_or_softmax(logits.float(), data.recipe.overlapping).cpu()
    if data.recipe.overlapping or probability.shape[1] == 1:
        return probability > 0.5
    return _exclusive(most_probable(probability), len(data.recipe.classes))


def _masks(label: Tensor, data: SegmentationData) -> Tensor:
    return label > 0 if data.recipe.overlapping else _exclusive(label, len(data.recipe.classes))


def _exclusive(indices: Tensor, classes: int) -> Tensor:
    return torch.cat([indices == index for index in range(1, classes + 1)], dim=1)


def _sent(panel: Panel, classes: tuple[str, ...]) -> Mapping[str, Any]:
    """A panel as W&B takes it: regions that overlap lie on one another, the last on top."""
    low, high = np.percentile(panel.image, (0.5, 99.5))
    grey = np.clip((panel.image - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    masks = {"label": _index_map(panel.label), "prediction": _index_map(panel.prediction)}
    names = dict(enumerate(("background", *classes)))
    return {"image": grey, "masks": masks, "classes": names, "caption": panel.name}


def _index_map(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    result = np.zeros(masks.shape[1:], np.uint8)
    for index, mask in enumerate(masks, start=1):
        result[mask] = index
    return result
