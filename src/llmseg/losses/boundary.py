"""Losses that look at where the boundary lies; terms beside an overlap loss, not instead of one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.losses.hausdorff_loss import HausdorffDTLoss
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

Term = Callable[[Tensor, Tensor], Tensor]


def boundary(alone: bool) -> Term:
    """Boundary loss (Kervadec et al. 2019 and 2021): mean of each class's probability times its signed distance.

    Args:
        alone: every channel is a region of its own (sigmoid); otherwise classes with background first (softmax), which
            has no part in it.

    Returns:
        Function of logits (N, K, *spatial) and masks of the same shape; below 0 where the boundary is met.
    """

    def term(logits: Tensor, target: Tensor) -> Tensor:
        probability = logits.sigmoid() if alone else logits.softmax(dim=1)[:, 1:]
        masks = (target if alone else target[:, 1:]) > 0.5
        distance = [[signed_distance(mask) for mask in sample] for sample in masks.cpu().numpy()]
        return (probability * torch.from_numpy(np.array(distance, np.float32)).to(logits.device)).mean()

    return term


def signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance in pixels to the boundary of a mask, positive outside, 0 on its inner edge, negative further in.

    As in the authors' code; 0 everywhere where the mask is empty.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    outside = distance_transform_edt(~mask)
    inside = distance_transform_edt(mask)
    return np.where(mask, 1 - inside, outside).astype(np.float32)


def hausdorff(alone: bool, **options: Any) -> Term:
    """Hausdorff loss from distance transforms (Karimi and Salcudean 2020, eq. 8), MONAI's.

    Args:
        alone: see `boundary`.
        options: further arguments of MONAI's HausdorffDTLoss, e.g. `alpha`.
    """
    return HausdorffDTLoss(include_background=alone, sigmoid=alone, softmax=not alone, **options)
