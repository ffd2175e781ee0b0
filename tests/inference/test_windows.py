"""The sliding window that holds only what still overlaps."""

import numpy as np
import pytest
import torch
from monai.inferers.utils import sliding_window_inference
from torch import Tensor, nn

from llmseg.inference.windows import window_planes, window_starts


@pytest.mark.parametrize("batch_size", [1, 3, 50])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("shape", [(20, 17, 9), (6, 30, 11), (5, 4, 3), (8, 8, 8), (33, 8, 9)])
def test_equals_monai(shape: tuple[int, ...], overlap: float, batch_size: int) -> None:
    torch.manual_seed(0)
    net = nn.Conv3d(2, 3, 3, padding=1).requires_grad_(False)  # sees the window's border, so its position matters
    volume = torch.rand(1, 2, *shape)
    expected = sliding_window_inference(
        volume, (8, 8, 8), batch_size, net, overlap=overlap, mode="gaussian", padding_mode="replicate"
    )
    assert isinstance(expected, Tensor)
    planes = torch.cat(list(window_planes(net, volume, (8, 8, 8), overlap, batch_size)))
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


def test_windows_cover_everything_and_end_with_the_volume() -> None:
    covered = np.zeros((21, 8, 5), int)
    for x, y, z in window_starts(covered.shape, (8, 4, 5), 0.3):
        assert covered[x : x + 8, y : y + 4, z : z + 5].shape == (8, 4, 5)
        covered[x : x + 8, y : y + 4, z : z + 5] += 1
    assert covered.min() > 0
