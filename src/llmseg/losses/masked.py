"""Dice and cross-entropy on a part of the voxels."""

import torch
from torch import Tensor
from torch.nn import functional

from llmseg.losses.segmentation import with_background
from llmseg.losses.unified import precise

_SMOOTH = 1e-5


def region_loss(logits: Tensor, label: Tensor, region: Tensor) -> Tensor:
    """Mean of soft Dice loss and cross-entropy inside a region (BCP, Bai et al., CVPR 2023, eq. 4 to 6).

    Args:
        logits: (N, K, *spatial).
        label: as `SegmentationLoss` takes it, on the same grid.
        region: (N, 1, *spatial) bool; a sample without any voxel in it adds nothing.
    """
    alone = label.shape[1] == logits.shape[1]
    with torch.autocast(logits.device.type, enabled=False):
        values, inside = precise(logits), region.to(precise(logits))
        if alone:
            probability, target = values.sigmoid(), label.to(values)
            entropy = functional.binary_cross_entropy_with_logits(values, target, reduction="none").mean(1, True)
        else:
            probability, target = values.softmax(dim=1), with_background(label, logits.shape[1])
            entropy = -(values.log_softmax(dim=1) * target).sum(dim=1, keepdim=True)
            probability, target = probability[:, 1:], target[:, 1:]
        axes = tuple(range(2, logits.dim()))
        both = (probability * target * inside).sum(axes)
        each = ((probability + target) * inside).sum(axes)
        dice = 1 - (2 * both + _SMOOTH) / (each + _SMOOTH)
        return (dice.mean() + (entropy * inside).sum() / inside.sum().clamp(min=1)) / 2
