"""The quick product is the usual one, in another order of its sums."""

import numpy as np
import pytest
import torch
from torch import nn

from llmseg.language import linear
from llmseg.language.linear import quick_linear


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever processor this is."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("needs a PyTorch with oneDNN")
    monkeypatch.setattr(linear, "mkl_is_slow", lambda: True)


@pytest.mark.parametrize("bias", [False, True])
def test_products_are_those_of_numpy(bias: bool) -> None:
    torch.manual_seed(0)
    layer, given = nn.Linear(48, 33, bias=bias), torch.randn(2, 5, 48)
    with torch.inference_mode(), quick_linear(layer):
        assert "forward" in vars(layer)
        found = layer(given)
    weight, values = layer.weight.detach().double().numpy(), given.double().numpy()
    expected = values @ weight.T + (layer.bias.detach().double().numpy() if bias else 0)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-5)


def test_layers_are_as_before_even_after_a_failure() -> None:
    layer, given = nn.Linear(8, 4), torch.randn(3, 8)
    before = layer(given)
    with pytest.raises(KeyError), quick_linear(layer):
        raise KeyError
    assert "forward" not in vars(layer)
    after = layer(given)
    assert torch.equal(after, before)
    after.sum().backward()
    assert layer.weight.grad is not None


def test_other_types_take_the_usual_way() -> None:
    class Own(nn.Linear):
        """Of a library that quantises."""

    half = nn.Linear(8, 4, dtype=torch.bfloat16)
    with quick_linear(nn.ModuleList([Own(8, 4), half])):
        assert "forward" not in vars(half)
    mixed = nn.Linear(8, 4)
    with torch.inference_mode(), quick_linear(mixed), torch.autocast("cpu", torch.bfloat16):
        assert mixed(torch.randn(2, 8)).dtype == torch.bfloat16
