"""The least time of a network on a GPU: operations and memory traffic, counted without weights or a GPU."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from llmseg.models.build import build_network

BYTES = 2
"""Of a value, in bfloat16 or float16."""


@dataclass(frozen=True)
class Gpu:
    """Peaks of a data sheet: operations a second in bfloat16 (without sparsity), bytes a second of its memory."""

    name: str
    flop: float
    bytes: float


H100 = Gpu("H100 SXM, data sheet: 989 TFLOP/s, 3.35 TB/s", 989e12, 3.35e12)
A100 = Gpu("A100 PCIe 40 GB, data sheet: 312 TFLOP/s, 1.555 TB/s", 312e12, 1.555e12)


@dataclass(frozen=True)
class Cost:
    """Operations of a sample, and of each of PyTorch's kernels operations and bytes."""

    kernels: tuple[tuple[float, float], ...]

    @property
    def flop(self) -> float:
        """In all; of convolutions and matrix products alone."""
        return sum(flop for flop, _ in self.kernels)

    def seconds(self, gpu: Gpu) -> float:
        """One kernel after the other, each as long as its arithmetic or its traffic takes, whichever is more."""
        return sum(max(flop / gpu.flop, traffic / gpu.bytes) for flop, traffic in self.kernels)


@dataclass(frozen=True)
class Costs:
    """Of a forward pass on one sample, and of a forward and backward pass."""

    forward: Cost
    step: Cost


def costs(node: Mapping[str, Any], size: tuple[int, ...]) -> Costs:
    """Of a network of conf/model on a sample of one channel.

    What a further sample costs: weights, which are read once a batch, are not counted, nor is the optimiser.
    """
    with torch.device("meta"):
        net = build_network(node)
        two, four = (torch.empty(count, 1, *size) for count in (2, 4))

    def backward(sample: Tensor) -> object:
        net.zero_grad()
        return _first(net(sample)).sum().backward()

    return Costs(_further(lambda sample: net(sample), two, four), _further(backward, two, four))


def _further(job: Callable[[Tensor], object], two: Tensor, four: Tensor) -> Cost:
    """Half of what two samples more cost."""
    less, more = _counted(job, two), _counted(job, four)
    return Cost(tuple(((a - b) / 2, (c - d) / 2) for (a, c), (b, d) in zip(more, less, strict=True)))


def _counted(job: Callable[[Tensor], object], sample: Tensor) -> list[tuple[float, float]]:
    with _Kernels() as kernels:
        job(sample)
    return kernels.found


def _first(outputs: Tensor | tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    return outputs[0] if isinstance(outputs, tuple | list) else outputs


class _Kernels(TorchDispatchMode):
    """Counts every operation that reads and writes values: its inputs once, its results once."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[float, float]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not func.is_view and not func.name().startswith("aten::empty"):
            count = flop_registry.get(func._overloadpacket)
            flop = float(count(*args, **kwargs, out_val=result)) if count else 0.0
            values = sum(each.numel() for each in tree_leaves((args, kwargs, result)) if isinstance(each, Tensor))
            self.found.append((flop, float(BYTES * values)))
        return result
