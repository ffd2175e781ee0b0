"""Random numbers as functions of what they are for, never of a generator's history.

Order, crops, augmentation and dropout of a step depend on (seed, epoch, index, ...) alone, so that a resumed run draws
the same numbers as one that was never interrupted, and workers need no state.
"""

from hashlib import blake2b

import torch


def derive(*parts: int | str) -> int:
    """A 63-bit seed from any number of parts."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A fresh CPU generator seeded from the parts."""
    return torch.Generator().manual_seed(derive(*parts))
