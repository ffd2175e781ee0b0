"""Who the box's processes belong to."""

import os
import random
from pathlib import Path

# Above the numbers that systemd and container managers give away, below 2^31.
FIRST, COUNT = 1_900_000_000, 100_000


def private_uid() -> int | None:
    """Return an uid that nobody else has, where we are root; or None, where the box's user is ourselves.

    The kernel does not count root's processes (RLIMIT_NPROC), and root reads everything. In a container whose root has
    few other users, it is one of theirs, the highest; where it has none, root is an ordinary user outside already.
    """
    if os.geteuid() != 0:
        return None
    rows = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    wanted = FIRST + random.SystemRandom().randrange(COUNT)
    if any(first <= wanted < first + count for first, _, count in rows):
        return wanted
    highest = max(first + count - 1 for first, _, count in rows)
    return min(highest, 65533) if highest > 0 else None
