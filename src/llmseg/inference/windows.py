"""A 3D network on a volume of any size: overlapping windows, of which only those that still overlap are held."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby, product, zip_longest

import torch
from torch import Tensor
from torch.nn import functional

Network = Callable[[Tensor], Tensor]
Start = tuple[int, int, int]
WEIGHTS = ("gaussian", "constant")
_PLANES = 16  # given away at a time


def window_planes(
    network: Network,
    volume: Tensor,
    size: Sequence[int],
    overlap: float = 0.5,
    batch_size: int = 8,
    device: torch.device | None = None,
    weights: str = "gaussian",
    stride: Sequence[int] | None = None,
) -> Iterator[Tensor]:
    """Logits of a volume, plane by plane along its first axis.

    Windows and their weights are those of MONAI's `sliding_window_inference`. That one holds all logits of the
    volume; here a plane leaves as soon as no further window covers it, so that memory is the window's depth times the
    volume's other two sizes.

    Args:
        network: gives logits on its input's grid.
        volume: (1, C, X, Y, Z); axes smaller than the window are padded with their border.
        size: of the window.
        overlap: of neighbouring windows, as a share of the window.
        batch_size: windows at a time.
        device: where windows are computed and summed up; None: the volume's.
        weights: gaussian (the middle of a window counts more) or constant.
        stride: from one window to the next, voxels of each axis, instead of `overlap`.

    Yields:
        (n, K, Y, Z) float32 on `device`, X planes in all.

    Raises:
        ValueError: no such weights, or a stride that leaves gaps.
    """
    from monai.data.utils import compute_importance_map  # heavy, and only volumes need it

    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights}: choose from {', '.join(WEIGHTS)}")
    device = device or volume.device
    before, padded = _pad(volume, size)
    weight = compute_importance_map(tuple(size), mode=weights, device=device)
    groups = _groups(window_starts(padded.shape[2:], size, overlap, stride), batch_size)
    depth = max(group[-1][0] - group[0][0] for group in groups) + size[0]
    sums = _Sums(weight, (depth, *padded.shape[3:]))
    inside = [slice(start, start + n) for start, n in zip(before, volume.shape[2:], strict=True)]
    for group, following in zip_longest(groups, groups[1:]):
        for position in range(0, len(group), batch_size):
            batch = group[position : position + batch_size]
            logits = network(torch.cat([padded[_window(start, size)] for start in batch]).to(device))
            for start, values in zip(batch, logits, strict=True):
                sums.add(start, values)
        for first, planes in sums.release(following[0][0] if following else padded.shape[2]):
            kept = planes[max(inside[0].start - first, 0) : max(inside[0].stop - first, 0), :, inside[1], inside[2]]
            if len(kept):
                yield kept


def window_starts(
    shape: Sequence[int], size: Sequence[int], overlap: float, stride: Sequence[int] | None = None
) -> list[Start]:
    """First voxels of all windows, ordered by axis; the last windows of an axis end with it.

    Raises:
        ValueError: a stride that is below 1 or leaves gaps.
    """
    steps = [max(int(window * (1 - overlap)), 1) for window in size] if stride is None else stride
    if len(steps) != len(size) or any(not 1 <= step <= window for step, window in zip(steps, size, strict=False)):
        raise ValueError(f"stride={list(steps)}: give {len(size)} numbers from 1 to the window's {list(size)}")
    axes = []
    for n, window, step in zip(shape, size, steps, strict=True):
        count = 1 + -(-(n - window) // step)
        axes.append([min(index * step, n - window) for index in range(count)])
    return [(x, y, z) for x, y, z in product(*axes)]


def _groups(starts: Sequence[Start], batch_size: int) -> list[list[Start]]:
    """Windows between which planes are given away: those of one place on the first axis, or as many as fill a batch."""
    rows = [list(row) for _, row in groupby(starts, key=lambda start: start[0])]
    together = max(batch_size // len(rows[0]), 1)
    return [list(chain(*rows[index : index + together])) for index in range(0, len(rows), together)]


class _Sums:
    """Weighted sums of the windows' logits in planes that are not given away yet."""

    def __init__(self, weight: Tensor, shape: Sequence[int]) -> None:
        self._weight = weight
        self._first = 0
        self._weights = weight.new_zeros(*shape)
        self._logits: Tensor | None = None

    def add(self, start: Start, logits: Tensor) -> None:
        """Add a window (K, x, y, z)."""
        if self._logits is None:
            self._logits = logits.new_zeros(len(logits), *self._weights.shape)
        place = _window((start[0] - self._first, *start[1:]), logits.shape[1:])[1:]
        self._logits[place] += logits * self._weight
        self._weights[place[1:]] += self._weight

    def release(self, until: int) -> Iterator[tuple[int, Tensor]]:
        """Give away the planes before `until`: the number of the first, and means (n, K, y, z)."""
        assert self._logits is not None, "release follows add"
        for first in range(self._first, until, _PLANES):
            part = slice(first - self._first, min(first + _PLANES, until) - self._first)
            yield first, (self._logits[:, part] / self._weights[part]).movedim(1, 0)
        done, depth = until - self._first, len(self._weights)
        for sums in (self._weights, self._logits.movedim(1, 0)):
            for index in range(depth - done):  # one by one, as a copy of all would double the memory
                sums[index] = sums[index + done]
            sums[max(depth - done, 0) :] = 0
        self._first = until


def _window(start: Sequence[int], size: Sequence[int]) -> tuple[slice, ...]:
    return slice(None), slice(None), *(slice(s, s + n) for s, n in zip(start, size, strict=True))


def _pad(volume: Tensor, size: Sequence[int]) -> tuple[list[int], Tensor]:
    """The volume, at least as large as the window, and how much was added in front of each axis."""
    missing = [max(window - n, 0) for n, window in zip(volume.shape[2:], size, strict=True)]
    before = [n // 2 for n in missing]
    if not any(missing):
        return before, volume
    amounts = [n for front, all_ in zip(before[::-1], missing[::-1], strict=True) for n in (front, all_ - front)]
    return before, functional.pad(volume, amounts, mode="replicate")
