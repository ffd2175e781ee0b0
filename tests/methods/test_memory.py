"""Gradient checkpointing."""

from copy import deepcopy

import pytest
import torch
from monai.networks.nets.segresnet import SegResNet
from torch import nn

from llmseg.methods.memory import checkpoint_blocks
from llmseg.models import UNet
from llmseg.models.vnet import VNet

NETWORKS = {
    "unet": lambda: UNet(in_channels=1, out_channels=2, width=4, depth=2, dropout=0.4),
    "vnet": lambda: VNet(in_channels=1, out_channels=2, width=4),
    "segresnet": lambda: SegResNet(spatial_dims=2, init_filters=8, in_channels=1, out_channels=2, dropout_prob=0.2),
}


def step(net: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """One forward and backward pass with fixed dropout."""
    torch.manual_seed(7)
    output: torch.Tensor = net(image)
    output.square().mean().backward()
    return output


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_are_the_same_to_the_last_bit(name: str) -> None:
    torch.manual_seed(0)
    plain = NETWORKS[name]()
    net = deepcopy(plain)
    assert len(checkpoint_blocks(net)) >= 3
    image = torch.rand(2, 1, *(16,) * (3 if name == "vnet" else 2))
    for _ in range(2):
        assert torch.equal(step(net, image), step(plain, image))
    for one, two in zip(plain.named_parameters(), net.named_parameters(), strict=True):
        assert one[0] == two[0]
        assert one[1].grad is not None
        assert torch.equal(one[1].grad, two[1].grad)
    assert plain.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in plain.state_dict().items())
    with torch.no_grad():
        assert torch.equal(plain.eval()(image), net.eval()(image))


def test_less_is_kept_for_the_backward_pass() -> None:
    def kept(net: nn.Module) -> int:
        sizes = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            output = net(torch.rand(1, 1, 64, 64))
        assert output.requires_grad
        return sum(sizes.values())

    net = UNet(in_channels=1, out_channels=1, width=8, depth=3)
    before = kept(net)
    checkpoint_blocks(net)
    assert kept(net) < before / 2


def test_a_copy_computes_with_its_own_weights() -> None:
    net = UNet(in_channels=1, out_channels=1, width=4, depth=2)
    checkpoint_blocks(net)
    copy = deepcopy(net)
    for weights in copy.parameters():
        weights.data.zero_()
    assert not copy(torch.rand(1, 1, 16, 16)).any()
    assert net(torch.rand(1, 1, 16, 16)).any()
