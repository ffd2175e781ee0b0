"""Unified Segmentation Loss: what one network of a pair learns from the other where no label is."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

AVERAGES = ("own", "all")


class UnifiedLoss(NamedTuple):
    """Result of `unified_segmentation_loss`.

    Attributes:
        loss: scalar.
        confident: share of the voxels on which the peer is confident, scalar without gradient.
    """

    loss: Tensor
    confident: Tensor


def unified_segmentation_loss(
    logits: Tensor,
    peer_logits: Tensor,
    overlapping: bool = False,
    threshold: float = 0.8,
    nll_weight: float = 1.0,
    mse_weight: float = 1.0,
    average: str = "own",
) -> UnifiedLoss:
    r"""Likelihood of the peer's decisions where it is confident, squared error of the probabilities where it is not.

    With probabilities p of the network and q of its peer (softmax over K classes), voxels v, c_v = max_k q_vk,
    y_v = argmax_k q_vk, the confident voxels C = {v: c_v >= threshold} and the others U:

        L = nll_weight / |C| sum_{v in C} -log p_{v, y_v}  +  mse_weight / |U| sum_{v in U} 1/K sum_k (p_vk - q_vk)^2

    The squared error is the mean over the classes, as in the consistency losses of the field, so that its size does not
    depend on their number. q, and with it y, C and U, is a constant: no gradient reaches the peer. A term without
    voxels is exactly 0 and the other stays. A single sigmoid channel is the same as two softmax classes with logits
    (0, z). Overlapping regions are such binary problems each, and every region of a voxel counts as a voxel.

    LLM-SegNet (Kumari et al., arXiv 2407.05088) describes the loss in words, by these two terms; threshold, weights,
    and what is averaged over are ours.

    Args:
        logits: (N, K, *spatial), computed with in float32 (or float64), also under autocast.
        peer_logits: of the same shape.
        overlapping: every channel is a region of its own, although there are several.
        threshold: confidence from which on the peer's decision is believed; above 1 it never is, at 0 always.
        nll_weight: of the likelihood.
        mse_weight: of the squared error.
        average: own (each term over its own voxels, as above) or all (both over all voxels: |C| + |U| below both sums).

    Raises:
        ValueError: the shapes differ, or there is no such average.
    """
    if logits.shape != peer_logits.shape:
        raise ValueError(f"logits of shapes {tuple(logits.shape)} and {tuple(peer_logits.shape)} cannot be compared")
    if average not in AVERAGES:
        raise ValueError(f"average={average}: choose from {', '.join(AVERAGES)}")
    terms = _binary if overlapping or logits.shape[1] == 1 else _exclusive
    with torch.autocast(logits.device.type, enabled=False):
        likelihood, error, confident = terms(precise(logits), precise(peer_logits.detach()), threshold)
        everything = confident.numel()
        believed = confident.sum()  # the number stays on the device: to read it would wait for it
        if average == "own":
            likelihood = likelihood / believed.clamp(min=1)
            error = error / (everything - believed).clamp(min=1)
        else:
            likelihood, error = likelihood / everything, error / everything
        loss = nll_weight * likelihood + mse_weight * error
        return UnifiedLoss(loss, believed / everything)


def precise(values: Tensor) -> Tensor:
    """At least float32."""
    return values if values.dtype == torch.float64 else values.float()


def _exclusive(logits: Tensor, peer: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of both terms over their voxels, and where the peer is confident (N, 1, *spatial)."""
    # softmax gives this layout whatever it gets, and mixed ones are several times slower below
    logits, peer = logits.contiguous(), peer.contiguous()
    target = peer.softmax(dim=1)
    certainty, decision = target.max(dim=1, keepdim=True)
    confident = certainty >= threshold
    believed = confident.to(logits)
    log_probability = logits.log_softmax(dim=1)
    # gather rather than nll_loss, whose CUDA kernel Lightning's deterministic=true refuses
    likelihood = -(log_probability.gather(1, decision) * believed).sum()
    return likelihood, _squared_error(log_probability.exp(), target, 1 - believed) / logits.shape[1], confident


def _binary(logits: Tensor, peer: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """The same for channels that are decided one by one; confident is (N, K, *spatial)."""
    confident = peer.abs().sigmoid() >= threshold
    believed = confident.to(logits)
    likelihood = functional.binary_cross_entropy_with_logits(
        logits, (peer > 0).to(logits), weight=believed, reduction="sum"
    )
    # both classes of a binary problem have the same error, hence its mean over classes is that of one
    return likelihood, _squared_error(logits.sigmoid(), peer.sigmoid(), 1 - believed), confident


def _squared_error(probability: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Sum of squared differences where `counts` is 1 rather than 0."""
    return ((probability - target) * counts).square().sum()
