"""Matrix products of linear layers by oneDNN, where PyTorch's own choice is slow.

PyTorch multiplies float32 matrices on x86 by Intel's MKL, which is slow on other makers' processors; oneDNN, which
PyTorch has beside it for convolutions, is not (`benchmarks/reports.py` measures both). The sums are of float32 in
either, in another order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

_CPUINFO = Path("/proc/cpuinfo")


@contextmanager
def quick_linear(model: nn.Module) -> Iterator[None]:
    """While it is open, linear layers of a model on the CPU take the quicker product; gradients need the usual one.

    Args:
        model: anything; layers of other types, on other devices or without float32 weights stay as they are.
    """
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear and _pays(layer)]
    for layer in layers:
        layer.forward = partial(_product, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _pays(layer: nn.Linear) -> bool:
    weight = layer.weight
    own = "forward" in vars(layer)  # somebody else has put his own there
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and not own and mkl_is_slow()


def _product(layer: nn.Linear, given: Tensor) -> Tensor:
    if given.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return nn.Linear.forward(layer, given)
    found: Tensor = torch.ops.mkldnn._linear_pointwise(given, layer.weight, layer.bias, "none", [], "")
    return found


@cache
def mkl_is_slow() -> bool:
    """Whether PyTorch multiplies by MKL on a processor that MKL does not know, and has oneDNN."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise") or not _CPUINFO.is_file():
        return False
    return "AuthenticAMD" in _CPUINFO.read_text()
