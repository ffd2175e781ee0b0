"""Gradient checkpointing for any network (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

_MOST_LEAVES = 12  # a residual block of three convolutions with norms, activations and a projection
_CONTAINERS = (nn.ModuleList, nn.ModuleDict)  # they are never called themselves


def checkpoint_blocks(net: nn.Module) -> list[str]:
    """Let the network's blocks keep only their input for the backward pass, in place.

    A block is one of the uppermost modules with two to twelve layers. Weights, their names and, bit for bit, gradients
    and running statistics stay what they are.

    Returns:
        Names of the blocks.
    """
    found = dict(_blocks(net, ""))
    for block in found.values():
        block.forward = partial(_run, block, block.forward)
    return list(found)


def _blocks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        full = f"{path}.{name}" if path else name
        leaves = sum(not list(part.children()) for part in child.modules())
        if 2 <= leaves <= _MOST_LEAVES and not isinstance(child, _CONTAINERS):
            yield full, child
        else:
            yield from _blocks(child, full)


def _run(block: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:
    if not (block.training and torch.is_grad_enabled()):
        return forward(*args, **kwargs)
    contexts = partial(_contexts, block)
    return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)


def _contexts(block: nn.Module) -> tuple[Any, Any]:
    return nullcontext(), _without_statistics(block)


@contextmanager
def _without_statistics(block: nn.Module) -> Iterator[None]:
    """The second forward pass must not move running means and variances a second time."""
    norms = [part for part in block.modules() if isinstance(part, _NormBase) and part.num_batches_tracked is not None]
    before = [(norm, norm.momentum, cast(Tensor, norm.num_batches_tracked).clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # rather than without statistics at all, which saves other tensors than the first pass
    try:
        yield
    finally:
        for norm, momentum, batches in before:
            norm.momentum = momentum
            cast(Tensor, norm.num_batches_tracked).copy_(batches)
