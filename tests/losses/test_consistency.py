"""Ramp-up, consistency, sharpening, entropy and cross pseudo supervision against their published formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from torch.nn import functional

from llmseg.losses.consistency import cross_pseudo, entropy, sigmoid_ramp_up, squared_error


def random(channels: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, channels, 4, 3, 2, generator=torch.Generator().manual_seed(seed)) * 2


def test_ramp_up_at_its_ends_and_in_the_middle() -> None:
    assert sigmoid_ramp_up(0, 40) == pytest.approx(0.006737947)
    assert sigmoid_ramp_up(20, 40) == pytest.approx(math.exp(-1.25))
    assert sigmoid_ramp_up(40, 40) == sigmoid_ramp_up(900, 40) == sigmoid_ramp_up(0, 0) == 1


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 1e6))
def test_ramp_up_only_ever_grows(one: float, two: float, length: float) -> None:
    assert sigmoid_ramp_up(min(one, two), length) <= sigmoid_ramp_up(max(one, two), length) <= 1


@pytest.mark.parametrize(("channels", "overlapping"), [(1, False), (3, False), (3, True)])
def test_squared_error_is_that_of_the_probabilities(channels: int, overlapping: bool) -> None:
    one, two = random(channels).requires_grad_(), random(channels, 1).requires_grad_()
    single = overlapping or channels == 1
    p, q = (each.sigmoid() if single else each.softmax(1) for each in (one, two))
    loss = squared_error(one, two, overlapping)
    assert loss.item() == pytest.approx(((p - q) ** 2).mean().item(), rel=1e-5)
    loss.backward()
    assert two.grad is None
    assert one.grad is not None


def test_squared_error_counts_the_voxels_of_its_mask() -> None:
    one, two = random(3), random(3, 1)
    mask = torch.rand(2, 1, 4, 3, 2) > 0.6
    squares = (one.softmax(1) - two.softmax(1)).square().mean(1, keepdim=True)
    torch.testing.assert_close(squared_error(one, two, mask=mask), squares[mask].mean())
    assert squared_error(one, two, mask=torch.zeros_like(mask)) == 0
    torch.testing.assert_close(squared_error(one, two, mask=torch.ones_like(mask)), squared_error(one, two))


def test_entropy_is_scipys() -> None:
    p = random(4).softmax(1)
    np.testing.assert_allclose(entropy(p)[:, 0], scipy_entropy(p.numpy(), axis=1), rtol=1e-5)
    q = random(3).sigmoid()
    for overlapping, each in ((True, q), (False, q[:, :1])):
        both = np.stack([each.numpy(), 1 - each.numpy()])
        np.testing.assert_allclose(entropy(each, overlapping), scipy_entropy(both), rtol=1e-4)


def test_entropy_of_certainty_is_zero() -> None:
    assert entropy(torch.tensor([[[0.0], [1.0]]])).item() == 0
    assert entropy(torch.tensor([[[1.0]], [[0.0]]])).tolist() == [[[0.0]], [[0.0]]]


@pytest.mark.parametrize("channels", [2, 5])
def test_cross_pseudo_is_cross_entropy_with_the_peers_classes(channels: int) -> None:
    one, two = random(channels).requires_grad_(), random(channels, 1).requires_grad_()
    loss = cross_pseudo(one, two)
    torch.testing.assert_close(loss, functional.cross_entropy(one, two.argmax(1)))
    loss.backward()
    assert two.grad is None


@pytest.mark.parametrize(("channels", "overlapping"), [(1, False), (3, True)])
def test_cross_pseudo_decides_regions_one_by_one(channels: int, overlapping: bool) -> None:
    one, two = random(channels), random(channels, 1)
    expected = functional.binary_cross_entropy(one.sigmoid(), (two.sigmoid() > 0.5).float())
    torch.testing.assert_close(cross_pseudo(one, two, overlapping), expected)
