"""Boxes that are exchanged between images: CutMix, and the copy-paste of BCP."""

from collections.abc import Sequence

import torch
from torch import Tensor


def boxes(count: int, size: Sequence[int], share: tuple[float, float]) -> Tensor:
    """Masks (count, 1, *size), true inside a box somewhere in the image.

    Args:
        count: of masks.
        size: of the image.
        share: least and largest share of the volume, drawn evenly; sides keep the image's proportions.
    """
    low, high = share
    masks = torch.zeros(count, 1, *size, dtype=torch.bool)
    for mask in masks[:, 0]:
        side = (low + (high - low) * float(torch.rand(()))) ** (1 / len(size))
        place = []
        for n in size:
            length = min(max(round(side * n), 1), n)
            start = int(torch.randint(n - length + 1, ()))
            place.append(slice(start, start + length))
        mask[tuple(place)] = True
    return masks


def cut_mix(values: Tensor, mask: Tensor) -> Tensor:
    """Each sample (N, ...) with its neighbour's values inside the box (Yun et al., ICCV 2019); one alone stays."""
    return torch.where(mask, values.roll(1, dims=0), values)
