"""Processes that end with the one that started them."""

import ctypes
import signal
import sys


def die_with_parent(_: int = 0) -> None:
    """On Linux, let this process not outlive its parent, even one killed without a chance to clean up.

    Takes and ignores a loader worker's number, so that it can be a `worker_init_fn`.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
