"""Change of grid for images, probabilities and labels; the only place that interpolates volumes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def resize(values: Tensor, size: Sequence[int]) -> Tensor:
    """Resample `values` (N, C, *spatial) to spatial `size`, over the same physical extent.

    Axes that shrink are averaged (no aliasing), axes that grow are interpolated linearly.
    """
    target = tuple(size)
    current = tuple(values.shape[2:])
    if current == target:
        return values
    shrunk = tuple(min(a, b) for a, b in zip(current, target, strict=True))
    if shrunk != current:
        values = functional.interpolate(values, shrunk, mode="area")
    if shrunk != target:
        values = functional.interpolate(values, target, mode=_LINEAR[len(target)], align_corners=False)
    return values


def resize_label(label: Tensor, size: Sequence[int], classes: int, overlapping: bool) -> Tensor:
    """Resample a label (N, L, *spatial) uint8 to `size`: each class as a soft mask, then the decision.

    Exclusive classes take the most probable class, overlapping regions the majority; a mask thus keeps its volume
    better than with nearest neighbours.
    """
    if tuple(label.shape[2:]) == tuple(size):
        return label
    if overlapping:
        return (resize(label.float(), size) > 0.5).to(torch.uint8)
    masks = torch.cat([(label == index).float() for index in range(classes + 1)], dim=1)
    return resize(masks, size).argmax(dim=1, keepdim=True).to(torch.uint8)
