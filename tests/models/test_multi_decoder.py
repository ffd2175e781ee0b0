"""MC-Net+'s further decoders: what they share with V-Net's own, and what not."""

import pytest
import torch
from torch import nn

from llmseg.models import VNet
from llmseg.models.multi_decoder import UpsamplingDecoder


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("mode", ["trilinear", "nearest"])
def test_only_the_upsampling_differs_from_the_networks_own_decoder(mode: str) -> None:
    with torch.device("meta"):
        net = VNet(in_channels=1, out_channels=2)
        decoder = UpsamplingDecoder(net, mode)
    assert str(decoder.decoder) == str(net.decoder)
    assert str(decoder.head) == str(net.head)
    # a 3x3x3 convolution to half the channels, bias, batch norm
    assert [count(up) for up in decoder.up] == [2 * w * w * 27 + w + 2 * w for w in (128, 64, 32, 16)]
    assert [module.mode for module in decoder.modules() if isinstance(module, nn.Upsample)] == [mode] * 4


@pytest.mark.parametrize("mode", ["trilinear", "nearest"])
def test_logits_lie_on_the_images_grid_and_gradients_reach_decoder_and_encoder(mode: str) -> None:
    net = VNet(in_channels=1, out_channels=3, width=2, has_dropout=False)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    decoder = UpsamplingDecoder(net, mode)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    features = net.encode(torch.randn(2, 1, 32, 16, 48))
    logits, own = decoder(features), net.decode(features)  # both decoders, one pass of the encoder
    assert logits.shape == own.shape == (2, 3, 32, 16, 48)
    assert not torch.allclose(logits, own)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in decoder.parameters())
    assert all(parameter.grad is not None for parameter in net.encoder.parameters())
    assert all(parameter.grad is None for parameter in net.decoder.parameters())


def test_dropout_is_the_networks() -> None:
    for has_dropout in (True, False):
        net = VNet(in_channels=1, out_channels=1, width=2, has_dropout=has_dropout)
        decoder, features = UpsamplingDecoder(net, "nearest"), net.encode(torch.randn(2, 1, 32, 32, 32))
        assert torch.equal(decoder(features), decoder(features)) is not has_dropout


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode=cubic: choose from trilinear, nearest"):
        UpsamplingDecoder(VNet(in_channels=1, out_channels=1, width=1), "cubic")
