"""A fault of PyTorch's CPU kernels that would spoil a training without a word."""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.grad import conv3d_weight

from llmseg.errors import ConfigError
from llmseg.inference.predict import on_meta

_DEPTH = 2
_TRIES = 24
_TOLERANCE = 0.05  # of the largest gradient; bfloat16 alone stays below 0.01


def check_bfloat16(net: nn.Module, channels: int, size: Sequence[int]) -> None:
    """Refuse a training in bfloat16 on a CPU whose weight gradients would be wrong.

    With torch 2.15 on x86 the weight gradient of a 3x3x3 convolution in bfloat16 contains uninitialised memory where
    its input is 2 voxels deep along the first spatial axis: NaN now and then, and otherwise wrong numbers. Other
    depths, 2D and the forward pass are right.

    Args:
        net: of three spatial dimensions.
        channels: of its input.
        size: spatial, of its input.

    Raises:
        ConfigError: the network has such a convolution, and this machine the fault.
    """
    found = _shallow(net, channels, size)
    if found and is_faulty():
        raise ConfigError(
            f"trainer.precision: this CPU computes wrong gradients in bfloat16 for 3D convolutions whose input is "
            f"{_DEPTH} voxels deep, as in {found}; change the first number of data.patch_size={list(size)}, or set "
            "trainer.precision=32"
        )


def _shallow(net: nn.Module, channels: int, size: Sequence[int]) -> str | None:
    """Name of the first convolution with such an input."""
    found: list[str] = []

    def watch(name: str) -> None:
        def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if inputs[0].shape[-3] == _DEPTH:
                found.append(name)

        twin.get_submodule(name).register_forward_pre_hook(note)

    twin = on_meta(net)
    for name, module in twin.named_modules():
        if isinstance(module, nn.Conv3d) and max(module.kernel_size) > 1:
            watch(name)
    with torch.no_grad():
        twin(torch.empty(2, channels, *size, device="meta"))
    return found[0] if found else None


@cache
def is_faulty() -> bool:
    """Whether this machine's kernel has the fault, tried out on small random numbers."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        return any(_error() > _TOLERANCE for _ in range(_TRIES))


def _error() -> float:
    """Largest relative error of one weight gradient; infinite for NaN."""
    conv = nn.Conv3d(16, 16, 3, padding=1)
    junk = [torch.full((conv.weight.numel() * count // 2,), torch.nan) for count in (1, 2, 3)]
    del junk  # what is not initialised is now likely to be NaN
    image = torch.randn(2, 16, _DEPTH, 3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        output = conv(image)
    gradient = torch.randn_like(output)
    output.backward(gradient)
    expected = conv3d_weight(image.bfloat16().float(), conv.weight.shape, gradient.float(), padding=1)
    assert conv.weight.grad is not None
    error = ((conv.weight.grad - expected).abs().max() / expected.abs().max()).item()
    return error if error == error else float("inf")
