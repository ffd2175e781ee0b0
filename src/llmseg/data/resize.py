"""Change of grid for images, probabilities and labels; the only place that interpolates volumes."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image
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


def resize_planes(planes: Iterable[Tensor], old: int, new: int) -> Iterator[Tensor]:
    """`resize` along the first axis of planes that arrive bit by bit, holding only those that are still needed.

    Args:
        planes: parts (n, ...) of `old` planes in all, in order.
        old: planes that arrive.
        new: planes that leave.

    Yields:
        Parts (n, ...) of `new` planes in all: single ones, or those that arrived where nothing is to be done.
    """
    if old == new:
        yield from planes
        return
    arriving = (plane for part in planes for plane in part)
    held: deque[Tensor] = deque()
    first = 0
    for index in range(new):
        start, weights = _sources(index, old, new)
        while first + len(held) < start + len(weights):
            held.append(next(arriving))
        while first < start:
            held.popleft()
            first += 1
        parts = [plane * weight for plane, weight in zip(held, weights, strict=False)]
        yield torch.stack(parts).sum(dim=0, keepdim=True) if len(parts) > 1 else parts[0][None]


def _sources(index: int, old: int, new: int) -> tuple[int, list[float]]:
    """The first of the old planes that a new one is made of, and the weight of this and of the ones that follow."""
    if new < old:  # the average of all that it touches
        start, stop = index * old // new, -(-(index + 1) * old // new)
        return start, [1 / (stop - start)] * (stop - start)
    centre = max((index + 0.5) * old / new - 0.5, 0.0)
    start = int(centre)
    return start, ([1 - (centre - start), centre - start] if start + 1 < old else [1.0])


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
    return most_probable(resize(masks, size))


def most_probable(values: Tensor, dim: int = 1) -> Tensor:
    """Where along an axis, which stays with length 1, the largest value stands, uint8; the first of equals."""
    # what argmax says, which takes a CPU several times as long along an axis that is not the last
    return values.max(dim=dim, keepdim=True).indices.to(torch.uint8)


def resize_masks(masks: Tensor, size: Sequence[int], mode: str) -> Tensor:
    """Resample soft masks (N, K, *spatial), values from 0 to 1, to `size`.

    Args:
        masks: one a class.
        size: spatial.
        mode: area: as `resize`; bilinear: as Pillow and torchvision resize 8-bit masks (2D); nearest.
    """
    if tuple(masks.shape[2:]) == tuple(size):
        return masks
    if mode == "nearest":
        return functional.interpolate(masks, tuple(size), mode="nearest-exact")
    return _pillow_bilinear(masks, size) if mode == "bilinear" else resize(masks, size)


def _pillow_bilinear(masks: Tensor, size: Sequence[int]) -> Tensor:
    # Pillow itself: rounding to 8 bits decides which pixels are just above 0.
    height, width = size
    planes = [Image.fromarray(plane) for plane in (masks * 255).round().byte().flatten(0, 1).numpy()]
    resized = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
    return torch.from_numpy(np.stack(resized)).reshape(*masks.shape[:2], height, width).float() / 255


def decide_masks(masks: Tensor, threshold: float, overlapping: bool) -> Tensor:
    """Label (N, L, *spatial) uint8 of soft masks (N, K, *spatial): what lies above the threshold.

    Where exclusive classes compete, the largest of them and of the background's share wins, the background's weighed
    by t / (1 - t): at one half the most probable class, at 0 any class that is there at all.
    """
    if overlapping or masks.shape[1] == 1:
        return (masks > threshold).to(torch.uint8)
    background = (1 - masks.sum(dim=1, keepdim=True)) * (threshold / (1 - threshold))
    return most_probable(torch.cat([background, masks], dim=1))


def hard_label(label: Tensor, overlapping: bool) -> Tensor:
    """A label as uint8: soft masks are decided at one half, a uint8 label is returned as it is."""
    return decide_masks(label, 0.5, overlapping) if label.is_floating_point() else label
