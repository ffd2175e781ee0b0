"""How LLMs divided their images: case by case, so that frames or slices of one patient come to lie on both sides.

For the comparison with published numbers only; `llmseg.data.split` divides by patient.
"""

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
import torch

from llmseg.data.config import SplitConfig

Parts = tuple[Sequence[int], Sequence[int], Sequence[int]]
"""Positions of the training, validation and test cases."""


def _train_test_split(items: Sequence[int], share: float, seed: int) -> tuple[Sequence[int], Sequence[int]]:
    """scikit-learn's `train_test_split(items, test_size=share, random_state=seed)`."""
    count = ceil(round(share * len(items), 6))
    order = np.random.RandomState(seed).permutation(len(items))
    return [items[i] for i in order[count:]], [items[i] for i in order[:count]]


def _sklearn(count: int, config: SplitConfig) -> Parts:
    """First the test part, then validation from the rest (Gemini 2.5, Mistral Medium 3, Qwen 3)."""
    rest, test = _train_test_split(range(count), config.test, config.seed)
    train, val = _train_test_split(rest, config.val, config.seed) if config.val else (rest, [])
    return train, val, test


def _sklearn_halves(count: int, config: SplitConfig) -> Parts:
    """Validation and test at once, then these two from each other (most LLMs: 80/20, then 50/50)."""
    held = config.test + config.val * (1 - config.test)
    train, both = _train_test_split(range(count), held, config.seed)
    val, test = _train_test_split(both, config.test / held, config.seed) if held else ([], [])
    return train, val, test


def _torch(count: int, config: SplitConfig) -> Parts:
    """`random_split` into rest and test, then the rest into training and validation (Claude 3.5: 90/10, then 80/10)."""
    generator = torch.Generator().manual_seed(config.seed)
    first = torch.randperm(count, generator=generator).tolist()
    stay, train = _floor((1 - config.test) * count), _floor((1 - config.test) * (1 - config.val) * count)
    rest = [first[i] for i in torch.randperm(stay, generator=generator).tolist()]
    return rest[:train], rest[train:], first[stay:]


def _torch_at_once(count: int, config: SplitConfig) -> Parts:
    """One `random_split` into all three (LLaMA 3.1, which set no seed: its own test cases cannot be recovered)."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(config.seed)).tolist()
    train = _floor((1 - config.test) * (1 - config.val) * count)
    val = train + _floor((1 - config.test) * config.val * count)
    return order[:train], order[train:val], order[val:]


def _floor(value: float) -> int:
    return int(round(value, 6))


BY_CASE: dict[str, Callable[[int, SplitConfig], Parts]] = {
    "sklearn": _sklearn,
    "sklearn_halves": _sklearn_halves,
    "torch": _torch,
    "torch_at_once": _torch_at_once,
}
"""Rule -> function of the number of cases. `test` is a share of all cases, `val` of the remaining ones."""
