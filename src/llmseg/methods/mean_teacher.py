"""Mean Teacher (Tarvainen and Valpola, NeurIPS 2017) and its uncertainty-aware form (UA-MT, Yu et al., MICCAI 2019)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from llmseg.inference.predict import sigmoid_or_softmax
from llmseg.losses.consistency import entropy, squared_error
from llmseg.methods.semi_supervised import Averaging, Streams

_LARGEST_NOISE = 0.2


class MeanTeacher(Averaging):
    """On unlabelled images the student's probabilities are to be those of the averaged teacher, which sees more noise.

    Args:
        noise: standard deviation of the teacher's input noise, cut at 0.2.
        base: arguments of `Averaging`.
    """

    def __init__(self, *, noise: float = 0.1, **base: Any) -> None:
        super().__init__(**base)
        self.noise = noise

    def training_loss(self, batch: Streams) -> Tensor:
        """Supervised loss of the labelled samples and the consistency of the others."""
        logits = self.through(self.net, batch.image, batch.unlabelled)
        count = len(batch.label)
        supervised: Tensor = self.loss(logits[:count], batch.label)
        return supervised + self.ramped(self.consistency(logits[count:], batch.unlabelled))

    def consistency(self, logits: Tensor, image: Tensor) -> Tensor:
        """Mean squared error of the probabilities."""
        return squared_error(logits, self.teach(self.noisy(image)), self.overlapping)

    def noisy(self, image: Tensor) -> Tensor:
        """The image with the teacher's noise."""
        return image + (self.noise * torch.randn_like(image)).clamp(-_LARGEST_NOISE, _LARGEST_NOISE)


class UncertaintyAwareMeanTeacher(MeanTeacher):
    """Only voxels count of which the teacher is certain: passes with dropout and noise say how certain it is.

    A voxel counts while the entropy of the passes' mean is below (0.75 + 0.25 * ramp-up) of its maximum.

    Args:
        passes: stochastic forward passes of the teacher.
        base: arguments of `MeanTeacher`.
    """

    def __init__(self, *, passes: int = 8, **base: Any) -> None:
        super().__init__(**base)
        if passes < 1:
            raise ValueError(f"method.passes={passes}: give 1 or more")
        self.passes = passes

    def consistency(self, logits: Tensor, image: Tensor) -> Tensor:
        """Mean squared error over the certain voxels; 0 where there is none."""
        uncertainty = entropy(self._mean_probability(image), self.overlapping)
        classes = 2 if self.overlapping or logits.shape[1] == 1 else logits.shape[1]
        certain = uncertainty < (0.75 + 0.25 * self.ramp()) * math.log(classes)
        self.log("train/certain", certain.float().mean())
        return squared_error(logits, self.teach(self.noisy(image)), self.overlapping, certain)

    def _mean_probability(self, image: Tensor) -> Tensor:
        _let_drop(self.teacher)
        total: Tensor | None = None
        for _ in range(self.passes):
            probability = sigmoid_or_softmax(self.teach(self.noisy(image)).float(), self.overlapping)
            total = probability if total is None else total + probability
        self.teacher.eval()
        assert total is not None, "there is at least one pass"
        return total / self.passes


def _let_drop(net: nn.Module) -> None:
    """Dropout as in training, batch norm as in evaluation."""
    for part in net.modules():
        part.training = not isinstance(part, _BatchNorm)
