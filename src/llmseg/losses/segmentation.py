"""Weighted sums of segmentation losses that read sigmoid or softmax from the shapes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.losses.dice import DiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor, nn
from torch.nn import functional

from llmseg.data.resize import resize
from llmseg.losses.boundary import boundary, hausdorff

Term = Callable[[Tensor, Tensor], Tensor]


def _cross_entropy(alone: bool) -> Term:
    return functional.binary_cross_entropy_with_logits if alone else functional.cross_entropy


def _dice(alone: bool, **options: Any) -> Term:
    return DiceLoss(include_background=alone, sigmoid=alone, softmax=not alone, **options)


def _tversky(alone: bool, **options: Any) -> Term:
    return TverskyLoss(include_background=alone, sigmoid=alone, softmax=not alone, **options)


def _focal(alone: bool, **options: Any) -> Term:
    return FocalLoss(use_softmax=not alone, **options)


_TERMS: dict[str, Callable[..., Term]] = {
    "cross_entropy": _cross_entropy,
    "dice": _dice,
    "tversky": _tversky,
    "focal": _focal,
    "boundary": boundary,
    "hausdorff": hausdorff,
}


def _cross_entropy_of_probabilities(alone: bool, with_logits: bool = False) -> Term:
    """`with_logits` takes the probabilities for logits, so that they pass through a sigmoid or softmax twice."""
    if with_logits:
        return _cross_entropy(alone)
    return functional.binary_cross_entropy if alone else _negative_log_likelihood


def _negative_log_likelihood(probability: Tensor, target: Tensor) -> Tensor:
    return -(target * probability.log().clamp(min=-100)).sum(dim=1).mean()  # bounded as torch bounds its binary one


_TERMS_OF_PROBABILITIES: dict[str, Callable[..., Term]] = {
    "cross_entropy": _cross_entropy_of_probabilities,
    "dice": lambda alone, **options: DiceLoss(include_background=alone, **options),
    "tversky": lambda alone, **options: TverskyLoss(include_background=alone, **options),
}
_OUTPUTS = {"logits": _TERMS, "probabilities": _TERMS_OF_PROBABILITIES}


class SegmentationLoss(nn.Module):
    """Weighted sum of terms, for one class, exclusive classes or overlapping regions.

    As many label channels as logits: every channel is a region of its own (sigmoid, binary cross-entropy). Several
    logits and one label channel, or soft masks without the background's: exclusive classes (softmax); Dice and Tversky
    leave the background out.

    Args:
        terms: weight of each of cross_entropy, dice, focal, tversky, boundary, hausdorff.
        options: further arguments of a term's MONAI class, e.g. `{tversky: {alpha: 0.3, beta: 0.7}}`.
        output: what the network's author had it return, and the terms see: logits, or probabilities. The difference is
            rounding, except where the two grids differ, and for `cross_entropy: {with_logits: true}`, which takes
            probabilities for logits.
        grid: where network and label meet: on the label's (the output is interpolated) or the network's (the label is,
            by nearest neighbour).

    Raises:
        ValueError: unknown term, output or grid, or no term.
    """

    def __init__(
        self,
        terms: Mapping[str, float],
        options: Mapping[str, Mapping[str, Any]] | None = None,
        output: str = "logits",
        grid: str = "label",
    ) -> None:
        super().__init__()
        if output not in _OUTPUTS:
            raise ValueError(f"loss.output={output}: choose from {', '.join(_OUTPUTS)}")
        if grid not in ("label", "network"):
            raise ValueError(f"loss.grid={grid}: choose from label, network")
        makers = _OUTPUTS[output]
        unknown = sorted((set(terms) | set(options or {})) - set(makers))
        if unknown or not terms:
            raise ValueError(f"loss.terms: {unknown or 'none given'}; choose from {', '.join(makers)}")
        self.weights = dict(terms)
        self.output = output
        self.grid = grid
        given = {name: dict((options or {}).get(name, {})) for name in terms}
        self._alone = {name: makers[name](alone=True, **given[name]) for name in terms}
        self._exclusive = {name: makers[name](alone=False, **given[name]) for name in terms}

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Scalar loss, computed in float32.

        Args:
            logits: (N, K, *the network's grid).
            label: (N, K or 1, *spatial) uint8; or shares of the classes in each pixel, (N, K, *spatial) floating point,
                K - 1 for exclusive classes.
        """
        alone = label.shape[1] == logits.shape[1]
        terms = self._alone if alone else self._exclusive
        with torch.autocast(logits.device.type, enabled=False):
            values, label = self._on_one_grid(self._activated(logits.float(), alone), label)
            target = label.float() if alone else with_background(label, logits.shape[1])
            return torch.stack([weight * terms[name](values, target) for name, weight in self.weights.items()]).sum()

    def _activated(self, logits: Tensor, alone: bool) -> Tensor:
        if self.output == "logits":
            return logits
        return logits.sigmoid() if alone else logits.softmax(dim=1)

    def _on_one_grid(self, values: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        size = values.shape[2:]
        if self.grid == "label" or label.shape[2:] == size:
            return resize(values, label.shape[2:]), label
        return values, functional.interpolate(label.float(), size, mode="nearest").to(label.dtype)


def with_background(label: Tensor, classes: int) -> Tensor:
    """Masks (N, classes, *spatial) float32, background first, of an index map or of the classes' soft masks."""
    if label.is_floating_point():
        return torch.cat([1 - label.sum(dim=1, keepdim=True), label], dim=1).float()
    return one_hot(label, classes)


def one_hot(label: Tensor, classes: int) -> Tensor:
    """Index map (N, 1, *spatial) to float32 masks (N, classes, *spatial), background first."""
    return functional.one_hot(label[:, 0].long(), classes).movedim(-1, 1).float()
