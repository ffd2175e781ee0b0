"""Change of grid for images, probabilities and labels; the only place that interpolates volumes."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

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
    return resize(masks, size).argmax(dim=1, keepdim=True).to(torch.uint8)
