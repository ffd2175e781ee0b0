"""The faulty kernel is found, and trainings that would use it are refused."""

import pytest
import torch
from torch import nn

from llmseg.cli import kernels
from llmseg.errors import ConfigError
from llmseg.models.vnet import VNet
from tests.data.make import one_line


def worst_gradient(depth: int) -> float:
    """Largest error of the weight gradient in bfloat16 against float64, over several tries."""
    torch.manual_seed(1)
    worst = 0.0
    for _ in range(40):
        image, conv = torch.randn(2, 16, depth, 3, 4), nn.Conv3d(16, 16, 3, padding=1)
        junk = [torch.full((conv.weight.numel() * half // 2,), torch.nan) for half in (1, 2, 3)]
        del junk
        with torch.autocast("cpu", torch.bfloat16):
            output = conv(image)
        gradient = torch.randn_like(output)
        output.backward(gradient)
        exact = nn.Conv3d(16, 16, 3, padding=1, dtype=torch.float64)
        exact.load_state_dict({key: value.double() for key, value in conv.state_dict().items()})
        exact(image.bfloat16().double()).backward(gradient.double())
        assert conv.weight.grad is not None
        assert exact.weight.grad is not None
        error = ((conv.weight.grad - exact.weight.grad).abs().max() / exact.weight.grad.abs().max()).item()
        worst = max(worst, error if error == error else float("inf"))
    return worst


@pytest.mark.parametrize("depth", [1, 3, 4, 5])
def test_other_depths_are_right(depth: int) -> None:
    """If this fails, the fault is wider than what `check_bfloat16` looks for."""
    assert worst_gradient(depth) < 0.02


def test_the_probe_agrees_with_a_second_opinion() -> None:
    assert kernels.is_faulty() == (worst_gradient(2) > 0.05)


def test_only_convolutions_with_such_an_input_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = VNet(in_channels=1, out_channels=2, width=2)
    monkeypatch.setattr(kernels, "is_faulty", lambda: True)
    kernels.check_bfloat16(net, 1, (48, 32, 32))
    kernels.check_bfloat16(net, 1, (64, 32, 32))
    with pytest.raises(ConfigError) as caught:
        kernels.check_bfloat16(net, 1, (32, 48, 48))
    one_line(caught.value, "encoder.4.0.0", "data.patch_size=[32, 48, 48]", "trainer.precision=32")
    monkeypatch.setattr(kernels, "is_faulty", lambda: False)
    kernels.check_bfloat16(net, 1, (32, 48, 48))
