"""Bidirectional copy-paste (BCP, Bai et al., CVPR 2023)."""

from typing import Any

import torch
from torch import Tensor

from llmseg.data.resize import most_probable
from llmseg.inference.postprocessing import keep_largest
from llmseg.inference.predict import channels_last
from llmseg.losses.masked import region_loss
from llmseg.methods.mixing import boxes
from llmseg.methods.semi_supervised import Averaging, Streams, on_grid


class BidirectionalCopyPaste(Averaging):
    """Boxes of unlabelled images go into labelled ones and the other way; a teacher labels what has no label.

    It begins with a share of the steps on labelled images alone, pasted into each other. Its loss is its own: Dice and
    cross-entropy of both kinds of regions; `loss` serves the validation.

    Args:
        pretrain: share of the steps before unlabelled images come in (2,000 of 17,000 in the paper's scripts).
        side: of the box, as a share of the image's.
        largest_component: of the teacher's labels only, class by class.
        weight: of regions with the teacher's labels.
        base: arguments of `Averaging`.
    """

    def __init__(
        self,
        *,
        pretrain: float = 0.12,
        side: float = 2 / 3,
        largest_component: bool = True,
        weight: float = 0.5,
        ramp_up: float = 0.0,
        **base: Any,
    ) -> None:
        super().__init__(weight=weight, ramp_up=ramp_up, **base)
        for name, share in (("pretrain", pretrain), ("side", side)):
            if not 0 <= share <= 1:
                raise ValueError(f"method.{name}={share:g}: give a share, 0 to 1")
        self.pretrain = pretrain
        self.side = side
        self.largest_component = largest_component

    def training_loss(self, batch: Streams) -> Tensor:
        """Loss of the images that were pasted together."""
        image, label = batch.image, batch.label
        box = boxes(len(image), image.shape[2:], (self.side ** (image.dim() - 2),) * 2).to(image.device)
        if self.global_step < self.pretrain * self.planned_steps:
            other, other_label = image.roll(1, 0), label.roll(1, 0)
            logits = self._logits(torch.where(box, other, image))
            return region_loss(logits, torch.where(box, other_label, label), torch.ones_like(box))
        count = min(len(image), len(batch.unlabelled))
        image, label, box, unlabelled = image[:count], label[:count], box[:count], batch.unlabelled[:count]
        taught = self._labels(unlabelled)
        logits = self._logits(torch.cat([torch.where(box, unlabelled, image), torch.where(box, image, unlabelled)]))
        inward, outward = logits[:count], logits[count:]
        known = region_loss(inward, label, ~box) + region_loss(outward, label, box)
        guessed = region_loss(inward, taught, box) + region_loss(outward, taught, ~box)
        return known + self.ramped(guessed)

    def _logits(self, image: Tensor) -> Tensor:
        return on_grid(self.net(channels_last(image)), image)

    def _labels(self, image: Tensor) -> Tensor:
        """The teacher's labels (N, L, *spatial) uint8."""
        logits = on_grid(self.teach(image), image)
        is_binary = self.overlapping or logits.shape[1] == 1
        label = ((logits > 0).to(torch.uint8) if is_binary else most_probable(logits)).cpu()
        if self.largest_component:
            for sample in label:
                keep_largest(sample.numpy())
        return label.to(image.device)
