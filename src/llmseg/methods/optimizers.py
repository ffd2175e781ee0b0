"""Optimisers of packages that are not always there."""

from collections.abc import Iterable
from importlib.util import find_spec

from torch.nn import Parameter
from torch.optim import Optimizer

from llmseg.errors import UserError


def paged_adamw_8bit(params: Iterable[Parameter], lr: float = 2e-4, weight_decay: float = 0.0) -> Optimizer:
    """AdamW with states of 8 bits that leave the GPU where memory is short (Dettmers et al., 2023, arXiv:2305.14314).

    Raises:
        UserError: bitsandbytes is not installed.
    """
    if find_spec("bitsandbytes") is None:
        raise UserError("optimizer=paged_adamw_8bit needs the package bitsandbytes: pip install bitsandbytes")
    from bitsandbytes.optim import PagedAdamW8bit

    made: Optimizer = PagedAdamW8bit(params, lr=lr, weight_decay=weight_decay)
    return made
