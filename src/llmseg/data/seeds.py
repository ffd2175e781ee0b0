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


def seed_device(seed: int, device: torch.device) -> None:
    """Seed what draws on the CPU and on this device, as `torch.manual_seed` does.

    That one also keeps a note, with the stack of calls, for each kind of accelerator that is not in use, and never
    drops it: milliseconds and memory at every step on a CPU.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        module = torch.get_device_module(device)
        getattr(module, "manual_seed_all", module.manual_seed)(seed)
