"""Fully supervised training."""

from torch import Tensor

from llmseg.inference.predict import channels_last
from llmseg.methods.base import Batch, SegmentationMethod


class Supervised(SegmentationMethod):
    """Every training sample has a label, and the loss compares the two."""

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of the logits, on the network's own grid, against the label; the loss says where the two meet."""
        image, label = batch
        loss: Tensor = self.loss(self.net(channels_last(image)), label)
        return loss
