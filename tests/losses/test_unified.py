"""Unified Segmentation Loss: by hand, by limit, by gradient."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from llmseg.losses.consistency import cross_pseudo, squared_error
from llmseg.losses.unified import unified_segmentation_loss as unified

KINDS = [(1, False), (2, False), (4, False), (3, True)]


def pair(channels: int, seed: int = 0, scale: float = 2.0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    one, two = torch.randn(2, 2, channels, 3, 4, 2, generator=generator, dtype=dtype) * scale
    return one, two


def column(*rows: tuple[float, ...]) -> Tensor:
    """Logits (1, K, voxels, 1, 1) whose softmax gives these probabilities of each voxel."""
    return torch.tensor(rows).log().T[None, :, :, None, None]


def test_two_voxels_by_hand() -> None:
    network = column((0.6, 0.4), (0.7, 0.3))
    peer = column((0.1, 0.9), (0.4, 0.6))  # confident of class 1; not confident
    loss, confident = unified(network, peer)
    assert confident.item() == 0.5
    assert loss.item() == pytest.approx(-math.log(0.4) + (0.3**2 + 0.3**2) / 2)
    weighted = unified(network, peer, nll_weight=0.5, mse_weight=3.0).loss
    assert weighted.item() == pytest.approx(-0.5 * math.log(0.4) + 3 * 0.09)
    over_all = unified(network, peer, average="all").loss
    assert over_all.item() == pytest.approx((-math.log(0.4) + 0.09) / 2)


def test_three_classes_by_hand() -> None:
    network, peer = column((0.5, 0.2, 0.3), (0.2, 0.2, 0.6)), column((0.3, 0.2, 0.5), (0.05, 0.05, 0.9))
    expected = (0.2**2 + 0.2**2) / 3 - math.log(0.6)
    assert unified(network, peer).loss.item() == pytest.approx(expected)


def test_overlapping_regions_by_hand() -> None:
    network = torch.tensor([0.6, 0.2]).logit().reshape(1, 2, 1, 1, 1)
    peer = torch.tensor([0.3, 0.05]).logit().reshape(1, 2, 1, 1, 1)  # not confident; confident that it is outside
    loss, confident = unified(network, peer, overlapping=True)
    assert confident.item() == 0.5
    assert loss.item() == pytest.approx(0.3**2 - math.log(0.8))


@pytest.mark.parametrize("average", ["own", "all"])
@pytest.mark.parametrize("threshold", [0.0, 0.7, 0.9, 1.1])
def test_one_sigmoid_channel_is_two_softmax_classes(threshold: float, average: str) -> None:
    network, peer = pair(1)
    two = [torch.cat([torch.zeros_like(each), each], dim=1) for each in (network, peer)]
    expected = unified(*two, threshold=threshold, average=average)
    given_ = unified(network, peer, threshold=threshold, average=average)
    torch.testing.assert_close(given_, expected)


def test_regions_are_the_channels_one_by_one() -> None:
    network, peer = pair(3)
    for average in ("own", "all"):
        flat = [each.transpose(0, 1).reshape(1, 1, -1, 1, 1) for each in (network, peer)]
        torch.testing.assert_close(unified(network, peer, True, average=average), unified(*flat, average=average))


@pytest.mark.parametrize("average", ["own", "all"])
@pytest.mark.parametrize(("channels", "overlapping"), KINDS)
def test_nobody_confident_leaves_the_squared_error_alone(channels: int, overlapping: bool, average: str) -> None:
    network, peer = pair(channels)
    loss, confident = unified(network, peer, overlapping, threshold=1.1, average=average)
    assert confident == 0
    torch.testing.assert_close(loss, squared_error(network, peer, overlapping))
    assert unified(network, peer, overlapping, threshold=1.1, mse_weight=0, average=average).loss == 0


@pytest.mark.parametrize("average", ["own", "all"])
@pytest.mark.parametrize(("channels", "overlapping"), KINDS)
def test_everybody_confident_leaves_the_likelihood_alone(channels: int, overlapping: bool, average: str) -> None:
    network, peer = pair(channels)
    loss, confident = unified(network, peer, overlapping, threshold=0, average=average)
    assert confident == 1
    torch.testing.assert_close(loss, cross_pseudo(network, peer, overlapping))
    assert unified(network, peer, overlapping, threshold=0, nll_weight=0, average=average).loss == 0


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**30),
    st.sampled_from([0.0, 0.1, 3.0, 1e4]),
    st.floats(0, 1.2),
    st.sampled_from(["own", "all"]),
)
def test_any_logits_give_finite_losses_and_gradients(
    kind: tuple[int, bool], seed: int, scale: float, threshold: float, average: str
) -> None:
    network, peer = pair(kind[0], seed, scale)
    network.requires_grad_()
    loss, confident = unified(network, peer, kind[1], threshold, average=average)
    loss.backward()
    assert loss.isfinite()
    assert loss >= 0
    assert 0 <= confident <= 1
    assert network.grad is not None
    assert network.grad.isfinite().all()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 2**30), st.floats(0.5, 1))
def test_own_averages_are_the_sums_over_all_rescaled(kind: tuple[int, bool], seed: int, threshold: float) -> None:
    network, peer = pair(kind[0], seed)
    share = unified(network, peer, kind[1], threshold).confident
    for weights, own_share in (((1.0, 0.0), share), ((0.0, 1.0), 1 - share)):
        own, total = (
            unified(network, peer, kind[1], threshold, *weights, average=average).loss for average in ("own", "all")
        )
        torch.testing.assert_close(own * own_share, total, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("average", ["own", "all"])
@pytest.mark.parametrize(("channels", "overlapping"), KINDS)
def test_gradients_are_those_of_finite_differences(channels: int, overlapping: bool, average: str) -> None:
    network, peer = pair(channels, dtype=torch.float64)
    share = unified(network, peer, overlapping).confident
    assert 0.1 < share < 0.9  # both terms take part
    assert torch.autograd.gradcheck(
        lambda given_: unified(given_, peer, overlapping, average=average).loss, network.requires_grad_()
    )


@pytest.mark.parametrize(("channels", "overlapping"), KINDS)
def test_no_gradient_reaches_the_peer(channels: int, overlapping: bool) -> None:
    network, peer = (each.requires_grad_() for each in pair(channels))
    loss, confident = unified(network, peer, overlapping)
    loss.backward()
    assert peer.grad is None
    assert network.grad is not None
    assert not confident.requires_grad


def test_a_confident_voxel_sees_the_decision_and_another_the_probabilities() -> None:
    network = column((0.6, 0.4), (0.7, 0.3)).requires_grad_()
    unified(network, column((0.1, 0.9), (0.7, 0.3))).loss.backward()
    assert network.grad is not None
    # d NLL / d logits is p minus the decision; the other voxel agrees already
    torch.testing.assert_close(network.grad.flatten(2)[0], torch.tensor([[0.6, 0.0], [-0.6, 0.0]]))


@pytest.mark.parametrize(("channels", "overlapping"), KINDS)
def test_it_is_computed_in_float32_under_autocast(channels: int, overlapping: bool) -> None:
    network, peer = (each.bfloat16() for each in pair(channels, scale=8))
    expected = unified(network.float(), peer.float(), overlapping)
    with torch.autocast("cpu", torch.bfloat16):
        given_ = unified(network, peer, overlapping)
    assert given_.loss.dtype == given_.confident.dtype == torch.float32
    assert torch.equal(given_.loss, expected.loss)


def test_two_dimensions_are_as_good_as_three() -> None:
    network, peer = (each[..., 0] for each in pair(2))
    probability, target = network.softmax(1), peer.softmax(1)
    certain = target.amax(1) >= 0.8
    likelihood = functional.cross_entropy(network, target.argmax(1), reduction="none")[certain].mean()
    error = (probability - target).square().mean(1)[~certain].mean()
    torch.testing.assert_close(unified(network, peer).loss, likelihood + error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"average": "both"}, "average=both: choose from own, all"), ({"peer_logits": torch.zeros(1, 3, 2, 2)}, "shapes")],
)
def test_mistakes_are_named(arguments: dict[str, Any], message: str) -> None:
    logits = torch.zeros(1, 2, 2, 2)
    with pytest.raises(ValueError, match=message):
        unified(**{"logits": logits, "peer_logits": logits, **arguments})
