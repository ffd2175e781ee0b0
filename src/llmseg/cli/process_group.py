"""What Lightning's distributed strategies leave behind in a process that trains alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed


@contextmanager
def ended_after() -> Iterator[None]:
    """End a process group that the block makes, and take back the variables that come with it.

    A sweep trains one job after another in this process. With `trainer=ddp` on one device Lightning opens a group of
    one and leaves it open; the ranks of a later job would inherit its address, which is in use, and a rank's number.
    """
    if torch.distributed.is_initialized():
        yield
        return
    before = dict(os.environ)
    try:
        yield
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
            for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE"):
                os.environ.pop(name, None)
                if name in before:
                    os.environ[name] = before[name]
