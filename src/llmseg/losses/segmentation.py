"""Weighted sums of segmentation losses that read sigmoid or softmax from the shapes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.losses.dice import DiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor, nn
from torch.nn import functional

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
}


class SegmentationLoss(nn.Module):
    """Weighted sum of terms, for one class, exclusive classes or overlapping regions.

    As many label channels as logits: every channel is a region of its own (sigmoid, binary cross-entropy). One label
    channel with several logits: exclusive classes with background (softmax); Dice and Tversky leave the background out.

    Args:
        terms: weight of each of cross_entropy, dice, focal, tversky.
        options: further arguments of a term's MONAI class, e.g. `{tversky: {alpha: 0.3, beta: 0.7}}`.

    Raises:
        ValueError: unknown term, or none.
    """

    def __init__(self, terms: Mapping[str, float], options: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        unknown = sorted((set(terms) | set(options or {})) - set(_TERMS))
        if unknown or not terms:
            raise ValueError(f"loss.terms: {unknown or 'none given'}; choose from {', '.join(_TERMS)}")
        self.weights = dict(terms)
        given = {name: dict((options or {}).get(name, {})) for name in terms}
        self._alone = {name: _TERMS[name](alone=True, **given[name]) for name in terms}
        self._exclusive = {name: _TERMS[name](alone=False, **given[name]) for name in terms}

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Scalar loss, in float32, of logits (N, K, *spatial) and label (N, K or 1, *spatial) uint8."""
        logits = logits.float()
        alone = label.shape[1] == logits.shape[1]
        target = label.float() if alone else one_hot(label, logits.shape[1])
        terms = self._alone if alone else self._exclusive
        return torch.stack([weight * terms[name](logits, target) for name, weight in self.weights.items()]).sum()


def one_hot(label: Tensor, classes: int) -> Tensor:
    """Index map (N, 1, *spatial) to float32 masks (N, classes, *spatial), background first."""
    return functional.one_hot(label[:, 0].long(), classes).movedim(-1, 1).float()
