"""V-Net: the field's parameter count, its blocks, its sizes and its dropout."""

import pytest
import torch
from torch import nn

from llmseg.models import VNet


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def convolution(before: int, after: int, kernel: int) -> int:
    """Weights, bias and batch norm of one layer, by hand."""
    return before * after * kernel**3 + after + 2 * after


def test_parameters_are_those_of_the_literature() -> None:
    with torch.device("meta"):
        network = VNet(in_channels=1, out_channels=2)
    assert count(network) == 9_448_866
    assert count(network.encoder) + count(network.down) == 7_376_896
    assert count(network.head) == 16 * 2 + 2


def test_blocks_have_the_published_number_of_convolutions() -> None:
    with torch.device("meta"):
        network = VNet(in_channels=1, out_channels=2)
    widths = [16, 32, 64, 128, 256]
    expected = [convolution(1, 16, 3)] + [
        n * convolution(w, w, 3) for w, n in zip(widths[1:], (2, 3, 3, 3), strict=True)
    ]
    assert [count(block) for block in network.encoder] == expected
    assert [count(block) for block in network.decoder] == [
        n * convolution(w, w, 3) for w, n in zip(widths[-2::-1], (3, 3, 2, 1), strict=True)
    ]
    assert [count(up) for up in network.up] == [convolution(2 * w, w, 2) for w in widths[-2::-1]]


def test_skips_are_added_after_the_up_convolution() -> None:
    network = VNet(in_channels=1, out_channels=1, width=2, has_dropout=False).eval()
    caught: dict[str, torch.Tensor] = {}
    network.encoder[3].register_forward_hook(lambda _m, _i, out: caught.update(skip=out.clone()))
    network.up[0].register_forward_hook(lambda _m, _i, out: caught.update(up=out.clone()))
    network.decoder[0].register_forward_hook(lambda _m, given, _o: caught.update(merged=given[0].clone()))
    network(torch.randn(1, 1, 32, 16, 16))
    assert torch.equal(caught["merged"], caught["up"] + caught["skip"])


def test_output_has_the_size_of_the_input_and_all_parameters_learn() -> None:
    network = VNet(in_channels=2, out_channels=3, width=2)
    logits = network(torch.randn(2, 2, 32, 16, 48))
    assert logits.shape == (2, 3, 32, 16, 48)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_every_rectifier_has_the_slope_that_was_asked_for() -> None:
    plain, leaky = (
        VNet(in_channels=1, out_channels=3, width=2, has_dropout=False, negative_slope=slope).eval()
        for slope in (0.0, 1.0)
    )
    leaky.load_state_dict(plain.state_dict())
    image = torch.randn(1, 1, 16, 16, 16)
    zero = plain(torch.zeros_like(image))
    # with slope 1 nothing is rectified and the whole network is affine
    base = leaky(torch.zeros_like(image))
    torch.testing.assert_close(leaky(2 * image) - base, 2 * (leaky(image) - base), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(plain(2 * image) - zero, 2 * (plain(image) - zero), rtol=1e-2)
    with pytest.raises(ValueError, match="negative_slope"):
        VNet(in_channels=1, out_channels=1, negative_slope=-0.1)


def test_dropout_acts_in_training_only_and_only_if_asked() -> None:
    image = torch.randn(2, 1, 32, 32, 32)
    for has_dropout in (True, False):
        network = VNet(in_channels=1, out_channels=1, width=2, has_dropout=has_dropout)
        assert torch.equal(network(image), network(image)) is not has_dropout
        network.eval()
        assert torch.equal(network(image), network(image))


@pytest.mark.parametrize("size", [(24, 16, 16), (8, 8, 8)])
def test_a_size_that_does_not_fit_is_named_with_the_remedy(size: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"size {size[0]} x .* multiple of 16"):
        VNet(in_channels=1, out_channels=1, width=1)(torch.zeros(1, 1, *size))


def test_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="spatial_dims must be 3, not 2"):
        VNet(in_channels=1, out_channels=1, spatial_dims=2)
