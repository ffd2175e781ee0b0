"""Change of grid."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from llmseg.data.resize import decide_masks, hard_label, resize, resize_label, resize_masks, resize_planes


def test_same_size_is_the_same_tensor() -> None:
    values = torch.rand(1, 2, 5, 7)
    assert resize(values, (5, 7)) is values


def test_shrinking_by_whole_factors_is_the_mean_of_blocks() -> None:
    values = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert resize(values, (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_growing_equals_torch_linear_interpolation() -> None:
    values = torch.rand(2, 3, 4, 5, 6)
    expected = functional.interpolate(values, (8, 9, 6), mode="trilinear", align_corners=False)
    torch.testing.assert_close(resize(values, (8, 9, 6)), expected)


@pytest.mark.parametrize("size", [(3, 11), (16, 2), (1, 1), (40, 40)])
def test_constants_stay_constant(size: tuple[int, int]) -> None:
    torch.testing.assert_close(resize(torch.full((1, 1, 8, 9), 3.5), size), torch.full((1, 1, *size), 3.5))


def test_label_takes_the_majority_of_each_block() -> None:
    label = torch.tensor([[1, 1, 0, 2], [1, 0, 2, 2]], dtype=torch.uint8)[None, None]
    assert resize_label(label, (1, 2), classes=2, overlapping=False).flatten().tolist() == [1, 2]


def test_regions_are_decided_one_by_one() -> None:
    whole = torch.ones(2, 2, dtype=torch.uint8)
    core = torch.tensor([[1, 1], [1, 0]], dtype=torch.uint8)
    small = resize_label(torch.stack([whole, core])[None], (1, 1), classes=2, overlapping=True)
    assert small.flatten().tolist() == [1, 1]


@pytest.mark.parametrize("new", [1, 3, 7, 11, 12, 13, 25, 60])
@pytest.mark.parametrize("chunk", [1, 5, 12])
def test_planes_that_arrive_bit_by_bit_are_resized_as_a_whole(new: int, chunk: int) -> None:
    volume = torch.rand(1, 2, 12, 4, 3)
    expected = resize(volume, (new, 4, 3))[0].movedim(1, 0)
    parts = volume[0].movedim(1, 0).split(chunk)
    torch.testing.assert_close(torch.cat(list(resize_planes(parts, 12, new))), expected)


def test_planes_leave_as_soon_as_they_can() -> None:
    arrived = 0

    def planes() -> Iterator[Tensor]:
        nonlocal arrived
        for _ in range(100):
            arrived += 1
            yield torch.ones(1, 2)

    leaving = resize_planes(planes(), 100, 10)
    next(leaving)
    assert arrived == 10


@pytest.mark.parametrize("size", [(5, 9), (40, 60)])
@pytest.mark.parametrize(
    ("mode", "filter_"), [("bilinear", Image.Resampling.BILINEAR), ("nearest", Image.Resampling.NEAREST)]
)
def test_soft_masks_are_resized_as_pillow_does(mode: str, filter_: Image.Resampling, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 20, 30)).astype(np.uint8)
    resized = resize_masks(torch.from_numpy(pixels).float() / 255, size, mode)
    assert resized.shape == (2, 3, *size)
    expected = np.asarray(Image.fromarray(pixels[1, 2]).resize(size[::-1], filter_))
    np.testing.assert_array_equal((resized[1, 2] * 255).round().numpy(), expected)


def test_any_share_of_a_class_is_above_zero() -> None:
    masks = torch.tensor([[0.0, 0.01, 0.3, 0.5], [0.0, 0.0, 0.4, 0.1]])[None, :, None]
    assert decide_masks(masks, 0, overlapping=False).flatten().tolist() == [0, 1, 2, 1]
    assert decide_masks(masks, 0.5, overlapping=False).flatten().tolist() == [0, 0, 2, 1]
    assert decide_masks(masks, 0, overlapping=True)[0, :, 0].tolist() == [[0, 1, 1, 1], [0, 0, 1, 1]]
    assert decide_masks(masks[:, :1], 0.3, overlapping=False).flatten().tolist() == [0, 0, 0, 1]


def test_at_one_half_soft_masks_are_decided_as_labels_are() -> None:
    torch.manual_seed(0)
    label = torch.randint(0, 3, (4, 1, 12, 15), dtype=torch.uint8)
    masks = torch.cat([label == index for index in (1, 2)], dim=1).float()
    small = resize_masks(masks, (4, 5), "area")
    shares = torch.cat([1 - small.sum(dim=1, keepdim=True), small], dim=1).sort(dim=1, descending=True).values
    clear = (shares[:, :1] - shares[:, 1:2]) > 1e-3  # equal shares are decided by rounding
    expected = resize_label(label, (4, 5), 2, overlapping=False)
    torch.testing.assert_close(hard_label(small, overlapping=False)[clear], expected[clear])
    assert clear.float().mean() > 0.5
    assert hard_label(label, overlapping=False) is label
