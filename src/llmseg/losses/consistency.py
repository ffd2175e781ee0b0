"""What semi-supervised methods compare predictions by, and how they let it grow."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from llmseg.losses.unified import precise


def sigmoid_ramp_up(step: float, length: float) -> float:
    """Weight exp(-5 (1 - t)^2), with t = step / length kept between 0 and 1 (Laine and Aila, ICLR 2017; UA-MT).

    From exp(-5) = 0.0067 at the start to 1 at `length` and after; 1 where there is no length.
    """
    share = min(max(step / length, 0.0), 1.0) if length > 0 else 1.0
    return math.exp(-5 * (1 - share) ** 2)


def squared_error(
    logits: Tensor, teacher_logits: Tensor, overlapping: bool = False, mask: Tensor | None = None
) -> Tensor:
    """Mean squared difference of the probabilities, over classes and voxels (Mean Teacher, Tarvainen and Valpola 2017).

    Args:
        logits: (N, K, *spatial).
        teacher_logits: of the same shape; no gradient reaches them.
        overlapping: every channel is a region of its own.
        mask: broadcast to that shape, above 0 where voxels count (UA-MT: where the teacher is certain), or None. With
            no such voxel the loss is 0.
    """
    with torch.autocast(logits.device.type, enabled=False):
        probability = _probability(logits, overlapping)
        target = _probability(teacher_logits.detach(), overlapping)
        if mask is None:
            return functional.mse_loss(probability, target)
        weight = (mask > 0).to(probability).expand_as(probability)
        return (weight * (probability - target).square()).sum() / weight.sum().clamp(min=1)


def entropy(probability: Tensor, overlapping: bool = False) -> Tensor:
    """Entropy in nats, the uncertainty of UA-MT (Yu et al., MICCAI 2019, eq. 3); 0 for probabilities of 0 and 1.

    Args:
        probability: (N, K, *spatial).
        overlapping: every channel is a region of its own.

    Returns:
        (N, 1, *spatial), at most log K; overlapping regions and a single channel: (N, K, *spatial), at most log 2.
    """
    parts = torch.special.entr(probability)
    if overlapping or probability.shape[1] == 1:
        return parts + torch.special.entr(1 - probability)
    return parts.sum(dim=1, keepdim=True)


def cross_pseudo(logits: Tensor, peer_logits: Tensor, overlapping: bool = False) -> Tensor:
    """Cross-entropy with the peer's hard decisions (CPS, Chen et al., CVPR 2021, eq. 3), averaged over all voxels.

    Args:
        logits: (N, K, *spatial).
        peer_logits: of the same shape; no gradient reaches them.
        overlapping: every channel is a region of its own.
    """
    with torch.autocast(logits.device.type, enabled=False):
        values, peer = precise(logits), peer_logits.detach()
        if overlapping or values.shape[1] == 1:
            return functional.binary_cross_entropy_with_logits(values, (peer > 0).to(values))
        # gather rather than cross_entropy, whose CUDA kernel Lightning's deterministic=true refuses
        return -values.log_softmax(dim=1).gather(1, peer.argmax(dim=1, keepdim=True)).mean()


def _probability(logits: Tensor, overlapping: bool) -> Tensor:
    values = precise(logits)
    return values.sigmoid() if overlapping or values.shape[1] == 1 else values.softmax(dim=1)
