"""A trained network as a function from preprocessed cases to masks."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from llmseg.data.cache import CachedCase
from llmseg.data.preprocessing import Recipe
from llmseg.inference.predict import channels_last_weights, predict_stack, sigmoid_or_softmax

_AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class Predictor:
    """A network in evaluation mode on a device, with all that is needed to predict a case as it was trained.

    Args:
        net: gives logits.
        recipe: the preprocessing it was trained with.
        patch_size: of a 3D network.
        overlap: of neighbouring patches in 3D.
        precision: Lightning's name: 32, bf16-mixed or 16-mixed.
        device: where to compute.
    """

    def __init__(
        self,
        net: nn.Module,
        recipe: Recipe,
        patch_size: Sequence[int],
        overlap: float = 0.5,
        precision: str = "32",
        device: torch.device | str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.net = channels_last_weights(net.to(self.device).eval())
        self.recipe = recipe
        self.patch_size = tuple(patch_size)
        self.overlap = overlap
        # float16 does not exist on CPUs: Lightning trains in bfloat16 there as well
        self._dtype = (
            torch.bfloat16 if self.device.type == "cpu" and precision == "16-mixed" else _AUTOCAST.get(precision)
        )

    def probability(self, case: CachedCase) -> Tensor:
        """Probabilities (S, K, *spatial) float32 on the network's grid, on the CPU."""
        stack = torch.from_numpy(np.array(case.image())).to(self.device)
        with self._autocast():
            logits = predict_stack(self.net, stack, self.patch_size, self.overlap)
        return sigmoid_or_softmax(logits, self.recipe.overlapping).cpu()

    def mask(self, case: CachedCase, probability: Tensor | None = None) -> NDArray[np.uint8]:
        """Predicted label (L, X, Y, Z), encoded as `encode_label` does, on the grid of the case's files."""
        if probability is None:
            probability = self.probability(case)
        return case.geometry().restore(probability, self.recipe.overlapping)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, self._dtype) if self._dtype else nullcontext()
