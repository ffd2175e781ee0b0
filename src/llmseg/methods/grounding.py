"""Training of a model that answers with boxes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from llmseg.data.boxes.overlap import iou
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.methods.adapted import Adapted
from llmseg.methods.method import precise
from llmseg.models.vlm.base import BoxModel

Batch = list[Sample]


class Grounding(Adapted):
    """Slices in, boxes out: a vision-language model by its answers' tokens, or a regression head by its boxes.

    Args:
        net: the model.
        optimizer: see Method.
        scheduler: see Method.
        seed: see Method.
        record: see Method.
        drop_sequences: share of the images that a training step leaves out, at least one of each slice stays; so the
            model learns to answer where a sequence is missing.
    """

    def __init__(
        self,
        net: BoxModel,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[[Optimizer, int], dict[str, Any]],
        seed: int,
        record: Mapping[str, Any],
        drop_sequences: float = 0.0,
    ) -> None:
        super().__init__(net, optimizer, scheduler, seed, record)
        if not 0 <= drop_sequences < 1:
            raise ValueError(f"method.drop_sequences={drop_sequences}: must be a share, 0 or more and below 1")
        self.drop_sequences = drop_sequences
        self._scores = torch.zeros(3, dtype=torch.float64)  # sums of loss and IoU, and how many slices

    net: BoxModel

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of the answers."""
        return self.net.loss(batch)

    def augmented(self, batch: Batch) -> Batch:
        """Slices, some of them with fewer sequences; what is left out is a function of the step."""
        return [without_some(sample, self.drop_sequences) for sample in batch] if self.drop_sequences else batch

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss, and IoU of the first box with the first true one."""
        found = [sample for sample in batch if sample.boxes]
        if not found:
            return
        loss = precise(self.net.loss(found)).cpu() * len(found)
        overlaps = [_iou(boxes, sample) for boxes, sample in zip(self.net.boxes(found), found, strict=True)]
        values = torch.tensor([float(loss), sum(overlaps), len(found)], dtype=torch.float64)
        self._scores = self._scores + values

    def on_validation_epoch_end(self) -> None:
        """Means over all slices of all processes."""
        total = self.trainer.strategy.reduce(self._scores.to(self.device, torch.float32), reduce_op="sum")
        assert isinstance(total, Tensor)
        self._scores.zero_()
        loss, overlap, count = total
        self.log("val/loss", loss / count.clamp(min=1), prog_bar=True, rank_zero_only=False)
        self.log("val/iou", overlap / count.clamp(min=1), prog_bar=True, rank_zero_only=False)


def without_some(sample: Sample, share: float) -> Sample:
    """The sample without a share of its images, drawn from torch's generator; at least one stays."""
    keep = torch.rand(len(sample.images)) >= share
    if not keep.any():
        keep[torch.randint(len(keep), (1,))] = True
    images = {name: image for (name, image), kept in zip(sample.images.items(), keep, strict=True) if kept}
    return replace(sample, images=images)


def only(sample: Sample, names: Sequence[str]) -> Sample:
    """The sample with these sequences alone, as far as it has them."""
    return replace(sample, images={name: image for name, image in sample.images.items() if name in names})


def _iou(boxes: Boxes, sample: Sample) -> float:
    return iou(boxes[0], sample.boxes[0]) if boxes else 0.0
