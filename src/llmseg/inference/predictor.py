"""A trained network as a function from preprocessed cases to masks."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from llmseg.data.cache import CachedCase
from llmseg.data.preprocessing import Prepared, Recipe
from llmseg.inference.predict import channels_last_weights, predict_planes, sigmoid_or_softmax, stacked

_AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
_ON_DEVICE = 2**30  # bytes; a larger case stays in main memory, and its windows go over one by one


class Segmenter(ABC):
    """Whatever turns a preprocessed case into a mask on the grid of its files.

    Attributes:
        recipe: the preprocessing that it expects.
        patch_size: spatial size of its input.
    """

    recipe: Recipe
    patch_size: tuple[int, ...]

    @abstractmethod
    def planes(self, image: NDArray[np.float32]) -> Iterator[Tensor]:
        """Probabilities of a stack (S, C, *spatial), bit by bit.

        Yields:
            (n, K, *rest) float32: slices, or planes of a volume along its first axis.
        """

    def probability(self, case: CachedCase) -> Tensor:
        """Probabilities (S, K, *spatial) float32 on the network's grid, on the CPU."""
        image = case.image()
        return stacked((part.cpu() for part in self.planes(image)), image.ndim)

    def mask(self, case: CachedCase, probability: Tensor | None = None) -> NDArray[np.uint8]:
        """Predicted label (L, X, Y, Z), encoded as `encode_label` does, on the grid of the case's files."""
        if probability is not None:
            return case.geometry().restore(probability, self.recipe.overlapping)
        return case.geometry().restore_planes(self.planes(case.image()), self.recipe.overlapping)

    def segment(self, prepared: Prepared, keep: NDArray[np.floating[Any]] | None = None) -> NDArray[np.uint8]:
        """`mask` of a case that lies in memory; `keep` as in `Geometry.restore_planes`."""
        return prepared.geometry.restore_planes(self.planes(prepared.image), self.recipe.overlapping, keep)


class Predictor(Segmenter):
    """A network in evaluation mode on a device, with all that is needed to predict a case as it was trained.

    Args:
        net: gives logits.
        recipe: the preprocessing it was trained with.
        patch_size: of a 3D network.
        overlap: of neighbouring patches in 3D.
        precision: Lightning's name: 32, bf16-mixed or 16-mixed.
        device: where to compute.
        flips: average over mirrored inputs.
        weights: of patches in 3D, gaussian or constant.
        stride: from patch to patch in 3D, voxels of each axis, instead of `overlap`.
    """

    def __init__(
        self,
        net: nn.Module,
        recipe: Recipe,
        patch_size: Sequence[int],
        overlap: float = 0.5,
        precision: str = "32",
        device: torch.device | str = "cpu",
        flips: bool = False,
        weights: str = "gaussian",
        stride: Sequence[int] | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.net = channels_last_weights(net.to(self.device).eval())
        self.recipe = recipe
        self.patch_size = tuple(patch_size)
        self.overlap = overlap
        self.flips = flips
        self.weights = weights
        self.stride = stride
        # float16 does not exist on CPUs: Lightning trains in bfloat16 there as well
        self._dtype = (
            torch.bfloat16 if self.device.type == "cpu" and precision == "16-mixed" else _AUTOCAST.get(precision)
        )

    def planes(self, image: NDArray[np.float32]) -> Iterator[Tensor]:
        """See `Segmenter`; on the predictor's device."""
        stack = torch.from_numpy(image if image.flags.writeable else np.array(image))
        if image.nbytes < _ON_DEVICE:
            stack = stack.to(self.device)
        planes = predict_planes(
            self._logits,
            stack,
            self.patch_size,
            self.overlap,
            flips=self.flips,
            device=self.device,
            weights=self.weights,
            stride=self.stride,
        )
        return (sigmoid_or_softmax(part, self.recipe.overlapping) for part in planes)

    def _logits(self, image: Tensor) -> Tensor:
        # the context is entered for each call: a generator that holds one would switch its consumer's mode as well
        with torch.autocast(self.device.type, self._dtype) if self._dtype else nullcontext():
            logits: Tensor = self.net(image)
        return logits


class Ensemble(Segmenter):
    """Several networks of one preprocessing (folds, seeds): the mean of their probabilities.

    Args:
        members: at least one.

    Raises:
        ValueError: two members differ in preprocessing or input size.
    """

    def __init__(self, members: Sequence[Predictor]) -> None:
        first, *others = members
        for other in others:
            if (other.recipe, other.patch_size) != (first.recipe, first.patch_size):
                raise ValueError("the networks differ in preprocessing or input size")
        self.members = tuple(members)
        self.recipe = first.recipe
        self.patch_size = first.patch_size

    def planes(self, image: NDArray[np.float32]) -> Iterator[Tensor]:
        """See `Segmenter`."""
        for parts in zip(*(member.planes(image) for member in self.members), strict=True):
            yield torch.stack(parts).mean(dim=0) if len(parts) > 1 else parts[0]
