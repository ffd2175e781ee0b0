"""Builders that the tests of the networks share."""

from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

CONF = Path(__file__).parents[2] / "conf" / "model"


def load(name: str, *, narrow: bool) -> DictConfig:
    """The configuration of a network; narrow: with a sixteenth of its channels, so that it runs in milliseconds."""
    config = OmegaConf.load(CONF / f"{name}.yaml")
    assert isinstance(config, DictConfig)
    if not narrow:
        return config
    if "widths" not in config:  # V-Net too has a width
        config.width = 4
    for key in ("widths", "decoder_widths"):
        if key in config:
            config[key] = [None if width is None else width // 16 for width in config[key]]
    return config


@pytest.fixture
def build() -> Callable[..., nn.Module]:
    """Build a network from its file in conf/model: full size on the meta device, or narrow with values."""

    def _build(name: str, *, narrow: bool = True, without: str | None = None, **arguments: object) -> nn.Module:
        config = load(name, narrow=narrow)
        if without is not None:
            del config[without]
        torch.manual_seed(0)
        arguments = {"in_channels": 1, "out_channels": 1, **arguments}
        with torch.device("cpu" if narrow else "meta"):
            return hydra.utils.instantiate(config, **arguments)

    return _build


@pytest.fixture
def randomise() -> Callable[[nn.Module], nn.Module]:
    """Give biases and batch norm statistics values that matter (they start at 0 and 1), in double precision."""

    def _randomise(network: nn.Module) -> nn.Module:
        generator = torch.Generator().manual_seed(7)

        def positive(tensor: Tensor) -> None:
            tensor.data = 0.5 + torch.rand(tensor.shape, generator=generator, dtype=torch.float64)

        network.double()
        for name, tensor in network.state_dict(keep_vars=True).items():
            if tensor.dim() == 1 and "num_batches" not in name:
                positive(tensor)
        return network.eval()

    return _randomise
