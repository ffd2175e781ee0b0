"""3D-ResNet34 encoder with V-Net's decoder: parameters by hand, sizes, start, and what it shares with V-Net."""

import io

import pytest
import torch
from torch import nn

from llmseg.cli.schema import signature
from llmseg.errors import ConfigError
from llmseg.models import VNet
from llmseg.models.build import build_network
from llmseg.models.resnet_vnet import BasicBlock, ResNet34VNet

TARGET = "llmseg.models.resnet_vnet.ResNet34VNet"


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def block(before: int, after: int) -> int:
    """Two convolutions without bias, their batch norms, and the shortcut's where the width changes; by hand."""
    shortcut = before * after + 2 * after if before != after else 0
    return 27 * before * after + 2 * after + 27 * after * after + 2 * after + shortcut


def test_parameters_by_hand() -> None:
    with torch.device("meta"):
        network, vnet = (cls(in_channels=1, out_channels=2) for cls in (ResNet34VNet, VNet))
    widths = [16, 32, 64, 128, 256]
    expected = [7**3 * 16 + 2 * 16] + [
        block(before, after) + (blocks - 1) * block(after, after)
        for before, after, blocks in zip(widths, widths[1:], (3, 4, 6, 3), strict=False)
    ]
    assert [count(level) for level in network.encoder] == expected
    assert count(network) - sum(expected) == 9_448_866 - 7_376_896  # V-Net's decoder
    assert count(network) == 17_930_354
    assert {k: v.shape for k, v in network.up.state_dict().items()} == {
        k: v.shape for k, v in vnet.up.state_dict().items()
    }
    assert str(network.decoder) == str(vnet.decoder)


def test_features_have_the_shapes_of_vnets() -> None:
    image = torch.randn(1, 2, 32, 16, 48)
    ours, theirs = (cls(in_channels=2, out_channels=3, width=2) for cls in (ResNet34VNet, VNet))
    assert [f.shape for f in ours.encode(image)] == [f.shape for f in theirs.encode(image)]
    assert ours.deepest_channels == theirs.deepest_channels == ours.encode(image)[-1].shape[1]
    ours.eval()
    assert torch.equal(ours(image), ours.decode(ours.encode(image)))
    assert ours(image).shape == (1, 3, 32, 16, 48)


def test_all_parameters_learn() -> None:
    torch.manual_seed(0)
    network = ResNet34VNet(in_channels=1, out_channels=1, width=4, has_dropout=False)
    for part in network.modules():
        if isinstance(part, BasicBlock):
            nn.init.ones_(part.norm2.weight)  # at zero, where it starts, nothing passes to what is before it
    network(torch.randn(2, 1, 32, 32, 32)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # before a batch norm a bias changes nothing
        assert name.endswith("bias") or parameter.grad.abs().sum() > 0, name


def test_a_block_starts_as_its_shortcut() -> None:
    features = torch.rand(2, 4, 6, 6, 6)
    assert torch.equal(BasicBlock(4, 4)(features), features)
    changed = BasicBlock(4, 8, stride=2)
    assert torch.equal(changed(features), changed.shortcut(features).relu())
    assert changed(features).shape == (2, 8, 3, 3, 3)


def test_convolutions_of_the_encoder_start_from_kaimings_distribution() -> None:
    torch.manual_seed(0)
    weight = ResNet34VNet(in_channels=1, out_channels=1).encoder[4][1].conv1.weight
    assert weight.std().item() == pytest.approx((2 / (256 * 27)) ** 0.5, rel=0.01)
    assert abs(weight.mean().item()) < 1e-4


def test_dropout_acts_in_training_only_and_only_if_asked() -> None:
    image = torch.randn(2, 1, 32, 32, 32)
    for has_dropout in (True, False):
        network = ResNet34VNet(in_channels=1, out_channels=1, width=2, has_dropout=has_dropout)
        assert torch.equal(network(image), network(image)) is not has_dropout
        network.eval()
        assert torch.equal(network(image), network(image))


def test_a_saved_network_is_the_same_and_its_arguments_are_known() -> None:
    node = {"_target_": TARGET, "in_channels": 1, "out_channels": 2, "width": 2, "spatial_dims": 3}
    network, again = build_network(node), build_network(node)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    image = torch.randn(1, 1, 16, 16, 16)
    assert torch.equal(network.eval()(image), again.eval()(image))
    found = signature(TARGET)
    assert found is not None
    assert "has_dropout" in str(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"spatial_dims": 2}, "spatial_dims must be 3, not 2"), ({"width": 0}, "must be at least 1")],
)
def test_impossible_arguments_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_network({"_target_": TARGET, "in_channels": 1, "out_channels": 1, **changes})


def test_a_size_that_does_not_fit_is_named_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"size 24 x 16 x 16 .* multiple of 16"):
        ResNet34VNet(in_channels=1, out_channels=1, width=1)(torch.zeros(1, 1, 24, 16, 16))
