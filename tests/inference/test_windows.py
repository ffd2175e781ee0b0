"""The sliding window that holds only what still overlaps."""

from itertools import product

import numpy as np
import pytest
import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from llmseg.inference import windows
from llmseg.inference.windows import window_planes, window_starts


@pytest.mark.parametrize(
    ("batch_size", "weights"), [(1, "gaussian"), (3, "gaussian"), (50, "gaussian"), (3, "constant")]
)
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("shape", [(20, 17, 9), (6, 30, 11), (5, 4, 3), (8, 8, 8), (33, 8, 9)])
def test_equals_monai(shape: tuple[int, ...], overlap: float, batch_size: int, weights: str) -> None:
    torch.manual_seed(0)
    net = nn.Conv3d(2, 3, 3, padding=1).requires_grad_(False)  # sees the window's border, so its position matters
    volume = torch.rand(1, 2, *shape)
    expected = sliding_window_inference(
        volume, (8, 8, 8), batch_size, net, overlap=overlap, mode=weights, padding_mode="replicate"
    )
    assert isinstance(expected, Tensor)
    planes = torch.cat(list(window_planes(net, volume, (8, 8, 8), overlap, batch_size, weights=weights)))
    torch.testing.assert_close(planes.movedim(0, 1)[None], expected, atol=1e-6, rtol=1e-4)


def test_planes_leave_before_the_last_window_is_computed() -> None:
    seen = 0

    def network(patch: Tensor) -> Tensor:
        nonlocal seen
        seen += len(patch)
        return patch

    windows = len(window_starts((400, 8, 8), (8, 8, 8), 0.5))
    planes = window_planes(network, torch.rand(1, 1, 400, 8, 8), (8, 8, 8), 0.5, batch_size=2)
    next(planes)
    assert seen == 2
    assert sum(len(part) for part in planes) + 8 == 400
    assert seen == windows == 99


@pytest.mark.parametrize("stride", [None, (1, 4, 4)])
def test_what_is_held_does_not_grow_with_the_number_of_windows(
    stride: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: set[int] = set()
    add = windows._Sums.add

    def noted(self: windows._Sums, start: tuple[int, int, int], logits: Tensor) -> None:
        add(self, start, logits)
        assert self._logits is not None
        held.add(self._logits.numel())

    monkeypatch.setattr(windows._Sums, "add", noted)
    for length in (40, 400):
        volume = torch.rand(1, 1, length, 8, 8)
        assert sum(map(len, window_planes(lambda patch: patch, volume, (8, 8, 8), stride=stride))) == length
    assert len(held) == 1
    assert held.pop() <= (8 + 8 * 8) * 64  # a batch of windows along the first axis


def test_windows_cover_everything_and_end_with_the_volume() -> None:
    covered = np.zeros((21, 8, 5), int)
    for x, y, z in window_starts(covered.shape, (8, 4, 5), 0.3):
        assert covered[x : x + 8, y : y + 4, z : z + 5].shape == (8, 4, 5)
        covered[x : x + 8, y : y + 4, z : z + 5] += 1
    assert covered.min() > 0


@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("stride", [(3, 3, 1), (8, 5, 2), (1, 8, 8)])
@pytest.mark.parametrize("shape", [(21, 14, 11), (8, 9, 8)])
def test_strides_are_those_of_the_fields_loop(shape: tuple[int, ...], stride: tuple[int, ...], batch_size: int) -> None:
    """As UA-MT's evaluation counts: every window a vote, the last ones pushed back into the volume."""
    torch.manual_seed(0)
    net = nn.Conv3d(1, 2, 3, padding=1).requires_grad_(False)
    volume, size = torch.rand(1, 1, *shape), 8
    total, votes = torch.zeros(2, *shape), torch.zeros(shape)
    counts = [int(np.ceil((n - size) / step)) + 1 for n, step in zip(shape, stride, strict=True)]
    for index in product(*map(range, counts)):
        starts = [min(i * step, n - size) for i, step, n in zip(index, stride, shape, strict=True)]
        place = tuple(slice(start, start + size) for start in starts)
        total[:, *place] += net(volume[:, :, *place])[0]
        votes[place] += 1
    planes = window_planes(net, volume, (8, 8, 8), 0.9, batch_size, weights="constant", stride=stride)
    torch.testing.assert_close(torch.cat(list(planes)).movedim(0, 1), total / votes, atol=1e-5, rtol=1e-4)


def test_the_fields_strides_give_the_fields_number_of_windows() -> None:
    # left atrium, median size: 6 * 3 * 3 windows, as the benchmarks of the field count them
    assert len(window_starts((190, 142, 88), (112, 112, 80), 0.5, (18, 18, 4))) == 6 * 3 * 3


@pytest.mark.parametrize("stride", [(9, 8, 8), (0, 8, 8), (8, 8)])
def test_a_stride_with_gaps_is_refused(stride: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="give 3 numbers from 1 to the window's"):
        window_starts((20, 20, 20), (8, 8, 8), 0.5, stride)


def test_unknown_weights_are_refused() -> None:
    planes = window_planes(lambda patch: patch, torch.rand(1, 1, 8, 8, 8), (8, 8, 8), weights="cosine")
    with pytest.raises(ValueError, match="weights=cosine: choose from gaussian, constant"):
        next(planes)


@pytest.mark.parametrize(("size", "most"), [((8, 8, 8), 8), ((128, 128, 64), 1)])
def test_large_windows_pass_one_by_one_on_a_cpu(size: tuple[int, int, int], most: int) -> None:
    seen: list[int] = []

    def network(patch: Tensor) -> Tensor:
        seen.append(len(patch))
        return patch

    volume = torch.rand(1, 1, size[0], 2 * size[1], 4 * size[2])
    planes = torch.cat(list(window_planes(network, volume, size)))
    torch.testing.assert_close(planes.movedim(0, 1)[None], volume)
    assert max(seen) == most
    assert sum(seen) == 3 * 7
