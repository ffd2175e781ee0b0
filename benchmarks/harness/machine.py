"""What the machine can do at best, measured."""

from collections.abc import Callable
from functools import cache
from time import perf_counter

import torch

_TIMES = 5


class Peaks:
    """Peaks of a device, measured when they are asked for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def flop_per_second(self, dtype: str) -> float:
        """Of the product of two large square matrices."""
        return _matrix_product(self._device, dtype)

    def bytes_per_second(self) -> float:
        """Of copying a large array: each byte is read and written."""
        return _copy(self._device)


@cache
def _matrix_product(device: torch.device, dtype: str) -> float:
    size = 8192 if device.type == "cuda" else 2048
    one = torch.randn(size, size, device=device, dtype=getattr(torch, dtype))
    return 2 * size**3 / best(lambda: one @ one, device)


@cache
def _copy(device: torch.device) -> float:
    source = torch.ones(2**28 if device.type == "cuda" else 2**26, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best(lambda: target.copy_(source), device)


def best(job: Callable[[], object], device: torch.device) -> float:
    """Seconds of a job, the least of several."""
    best = float("inf")
    for _ in range(_TIMES):
        start = perf_counter()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, perf_counter() - start)
    return best
