"""What a network costs: parameters, multiply-accumulates, memory."""

import copy
import resource
import sys
from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(net: nn.Module) -> int:
    """Number of trainable and frozen parameters; buffers such as running means do not count."""
    return sum(p.numel() for p in net.parameters())


def gmacs(net: nn.Module, input_shape: Sequence[int]) -> float:
    """Multiply-accumulates of one forward pass, in units of 1e9.

    Convolutions and matrix products are counted (a MAC is two of PyTorch's FLOPs); normalisation, activations and
    interpolation are not, as usual. Nothing is computed: a copy of the network runs on the meta device.

    Args:
        net: any module that takes one tensor.
        input_shape: with batch and channels, e.g. (1, 1, 256, 256).
    """
    # The copy keeps the caller's network on its device and in its mode.
    shadow = copy.deepcopy(net).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(*input_shape, device="meta"))
    return float(counter.get_total_flops()) / 2e9


def peak_memory_mb(device: torch.device | str) -> float:
    """Largest memory so far in MiB: allocated by tensors on a CUDA device, else resident for the whole process."""
    device = torch.device(device)
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)
