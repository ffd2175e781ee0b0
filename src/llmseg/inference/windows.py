"""A 3D network on a volume of any size: overlapping windows, of which only those that still overlap are held."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby, product, zip_longest
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

Network = Callable[[Tensor], Tensor]
Start = tuple[int, int, int]
WEIGHTS = ("gaussian", "constant")
_PLANES = 16  # given away at a time
_AT_A_TIME = 8  # windows
_VOXELS_ON_CPU = 2**20  # at a time: more take more memory and fit worse into caches, fewer cost more calls


def window_planes(
    network: Network,
    volume: Tensor,
    size: Sequence[int],
    overlap: float = 0.5,
    batch_size: int | None = None,
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
        batch_size: windows at a time; None: as many as suit the device.
        device: where windows are computed and summed up; None: the volume's.
        weights: gaussian (the middle of a window counts more) or constant.
        stride: from one window to the next, voxels of each axis, instead of `overlap`.

    Yields:
        (n, K, Y, Z) float32 on `device`, X planes in all.

    Raises:
        ValueError: no such weights, or a stride that leaves gaps.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights}: choose from {', '.join(WEIGHTS)}")
    device = device or volume.device
    batch_size = batch_size or _batch_size(size, device)
    before, padded = _pad(volume, size)
    rows = _rows(window_starts(padded.shape[2:], size, overlap, stride))
    groups = _groups(rows, batch_size)
    depth = max(group[-1][0] - group[0][0] for group in groups) + size[0]
    sums = _Sums((depth, *padded.shape[3:]), _Weights(rows, size, padded.shape[3:], weights, device))
    inside = [slice(start, start + n) for start, n in zip(before, volume.shape[2:], strict=True)]
    cut = _Cutter(padded, size, device)
    for group, following in zip_longest(groups, groups[1:]):
        for position in range(0, len(group), batch_size):
            batch = group[position : position + batch_size]
            for start, values in zip(batch, network(cut(batch)), strict=True):
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


def _batch_size(size: Sequence[int], device: torch.device) -> int:
    return min(max(_VOXELS_ON_CPU // prod(size), 1), _AT_A_TIME) if device.type == "cpu" else _AT_A_TIME


def _rows(starts: Sequence[Start]) -> list[list[Start]]:
    """Windows of one place on the first axis; all rows have the same places on the other two."""
    return [list(row) for _, row in groupby(starts, key=lambda start: start[0])]


def _groups(rows: Sequence[Sequence[Start]], batch_size: int) -> list[list[Start]]:
    """Windows between which planes are given away: those of one row, or of as many rows as fill a batch."""
    together = max(batch_size // len(rows[0]), 1)
    return [list(chain(*rows[index : index + together])) for index in range(0, len(rows), together)]


class _Cutter:
    """Batches of windows, in memory that every batch uses again: fresh pages cost as much time as the copy itself."""

    def __init__(self, volume: Tensor, size: Sequence[int], device: torch.device) -> None:
        self._volume = volume
        self._size = size
        self._device = device
        self._room = volume.new_empty(0)

    def __call__(self, starts: Sequence[Start]) -> Tensor:
        """Windows (n, C, *size) on the device, valid until the next call; a single one is a view of the volume."""
        windows = [self._volume[_window(start, self._size)] for start in starts]
        if len(windows) == 1:
            return windows[0].to(self._device)
        if len(self._room) < len(windows):
            self._room = self._volume.new_empty(len(windows), self._volume.shape[1], *self._size)
        return torch.cat(windows, out=self._room[: len(windows)]).to(self._device)


class _Weights:
    """Weight of a window's voxels, and its sum over all windows.

    All rows of windows are alike but for their place on the first axis, so that one row is summed up, once.

    Attributes:
        window: (x, y, z); None where all voxels count alike.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[Start]],
        size: Sequence[int],
        across: Sequence[int],
        name: str,
        device: torch.device,
    ) -> None:
        from monai.data.utils import compute_importance_map  # heavy, and only volumes need it

        weight = compute_importance_map(tuple(size), mode=name, device=device)
        self.window = None if name == "constant" else weight
        self._starts = [row[0][0] for row in rows]
        # planes of a constant weight are equal, and need not be held one by one
        profile = weight[:1] if self.window is None else weight
        self._row = weight.new_zeros(len(profile), *across)
        for start in rows[0]:
            self._row[_window((0, *start[1:]), (len(profile), *size[1:]))[2:]] += profile
        self._row = self._row.expand(size[0], *across)

    def planes(self, first: int, stop: int) -> Tensor:
        """Sums (n, Y, Z) for some planes of the volume."""
        total = self._row.new_zeros(stop - first, *self._row.shape[1:])
        for start in self._starts:
            low, high = max(first, start), min(stop, start + len(self._row))
            if low < high:
                total[low - first : high - first] += self._row[low - start : high - start]
        return total


class _Sums:
    """Weighted sums of the windows' logits in planes that are not given away yet: a ring, of which nothing moves.

    Args:
        shape: planes that are held at most, and their size.
        weights: of the windows.
    """

    def __init__(self, shape: Sequence[int], weights: _Weights) -> None:
        self._shape = tuple(shape)
        self._weights = weights
        self._first = 0
        self._logits: Tensor | None = None

    def add(self, start: Start, logits: Tensor) -> None:
        """Add a window (K, x, y, z)."""
        if self._logits is None:
            self._logits = logits.new_zeros(len(logits), *self._shape, dtype=torch.float32)
        across = _window(start[1:], logits.shape[2:])[2:]
        for ring, part in self._parts(start[0], start[0] + logits.shape[1]):
            inside = slice(part.start - start[0], part.stop - start[0])
            place = self._logits[(slice(None), ring, *across)]
            if self._weights.window is None:
                place += logits[:, inside]
            else:
                place.addcmul_(logits[:, inside], self._weights.window[inside])

    def release(self, until: int) -> Iterator[tuple[int, Tensor]]:
        """Give away the planes before `until`: the number of the first, and means (n, K, y, z)."""
        assert self._logits is not None, "release follows add"
        for first in range(self._first, until, _PLANES):
            for ring, part in self._parts(first, min(first + _PLANES, until)):
                planes = self._logits[:, ring]
                yield part.start, (planes / self._weights.planes(part.start, part.stop)).movedim(1, 0)
                planes.zero_()
        self._first = until

    def _parts(self, first: int, stop: int) -> Iterator[tuple[slice, slice]]:
        """Where planes lie in the ring: one or two parts, each with its planes of the volume."""
        while first < stop:
            place = first % self._shape[0]
            count = min(stop - first, self._shape[0] - place)
            yield slice(place, place + count), slice(first, first + count)
            first += count


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
