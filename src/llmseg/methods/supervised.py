"""Fully supervised training."""

from torch import Tensor

from llmseg.methods.base import Batch, SegmentationMethod


class Supervised(SegmentationMethod):
    """Every training sample has a label, and the loss compares the two."""

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of the logits against the label."""
        image, label = batch
        loss: Tensor = self.loss(self(image), label)
        return loss
