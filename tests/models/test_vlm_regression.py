"""The regression control: its loss against torchvision's, missing sequences, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from box_samples import make_sample
from torch import nn
from torchvision import ops

from llmseg.data.boxes.overlap import iou
from llmseg.data.boxes.sample import Box, Sample
from llmseg.errors import DataError
from llmseg.models.vlm import regression
from llmseg.models.vlm.regression import BoxRegressor


def regressor(sequences: tuple[str, ...] = ("t2f", "t1c"), image_size: int = 32) -> BoxRegressor:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inside, outside in ((1, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(inside, outside, 3, 2, 1), nn.ReLU()]
    return BoxRegressor(nn.Sequential(*layers), 32, sequences, image_size, grid=4, hidden=64)


def squares(count: int, seed: int = 0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    corners = [(rng.integers(0, 22), rng.integers(0, 16), rng.integers(8, 16)) for _ in range(count)]
    return [make_sample((x, y, x + side, y + side - 2), case=f"c{n}") for n, (x, y, side) in enumerate(corners)]


def test_giou_as_torchvision() -> None:
    corners = torch.rand(2, 50, 2, 2, generator=torch.Generator().manual_seed(0)).sort(dim=2).values.flatten(2)
    expected = torch.diag(ops.generalized_box_iou(corners[0], corners[1]))
    torch.testing.assert_close(regression.giou(corners[0], corners[1]), expected)


def test_loss_is_smooth_l1_plus_giou_of_the_largest_box() -> None:
    net, samples = regressor(), [make_sample((4, 3, 20, 15), (30, 20, 34, 24)), make_sample()]
    found = net(samples)[:1]
    truth = torch.tensor([[12 / 40, 9 / 30, 16 / 40, 12 / 30]])
    corners = [ops.box_convert(each, "cxcywh", "xyxy") for each in (found, truth)]
    expected = nn.functional.smooth_l1_loss(found, truth) + ops.generalized_box_iou_loss(*corners, reduction="mean")
    torch.testing.assert_close(net.loss(samples), expected)


def test_a_batch_without_boxes_still_gives_every_weight_a_gradient() -> None:
    net = regressor()
    loss = net.loss([make_sample(sequences=("t2f", "t1c"))])
    loss.backward()
    assert loss.item() == 0
    assert all(weight.grad is not None for weight in net.parameters())


def test_boxes_lie_inside_images_of_any_size() -> None:
    net = regressor()
    nn.init.constant_(net.head[-1].bias, 6.0)  # a box far over the lower right corner
    samples = [make_sample(), make_sample(size=(100, 60))]
    for (box,), sample in zip(net.boxes(samples), samples, strict=True):
        width, height = sample.size
        assert 0 <= box.x1 < box.x2 <= width
        assert 0 <= box.y1 < box.y2 <= height


def test_sequences_are_told_apart_and_may_be_missing() -> None:
    net, both = regressor(), make_sample((4, 3, 20, 15), sequences=("t2f", "t1c"))
    dark = np.zeros_like(both.images["t2f"])
    one, other = ({"t2f": both.images["t2f"], "t1c": dark}, {"t2f": dark, "t1c": both.images["t2f"]})
    assert not torch.allclose(net([replace(both, images=one)]), net([replace(both, images=other)]), atol=1e-6)
    turned = replace(both, images=dict(reversed(one.items())))
    torch.testing.assert_close(net([turned]), net([replace(both, images=one)]))  # names count, not their order
    alone = replace(both, images={"t1c": both.images["t1c"]})
    torch.testing.assert_close(net([alone, both])[:1], net([alone]))  # a batch may mix them
    with pytest.raises(DataError, match="none of the sequences t2f, t1c"):
        net.boxes([make_sample(sequences=("LGE",))])


def test_it_learns_where_squares_are() -> None:
    net, samples = regressor(), squares(24)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(120):
        optimiser.zero_grad()
        net.loss(samples).backward()
        optimiser.step()
    overlaps = [iou(box, sample.boxes[0]) for (box,), sample in zip(net.boxes(samples), samples, strict=True)]
    assert np.mean(overlaps) > 0.6
    assert isinstance(net.boxes(samples)[0][0], Box)
