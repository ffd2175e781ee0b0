"""A disk that is full at a random point of every kind of work: one line, nothing half, and on with more room."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

from tests.torture.child import done, last_line
from tests.torture.job import Found, Job
from tests.torture.jobs import JOBS
from tests.torture.jobs.sweep import Sweep
from tests.torture.row import Row
from tests.torture.small_disk import NotAllowedError, make_room, small_disk

TRIES = {"sweep with two workers": 2}
MOST = 4


def rows(place: Path, seed: int) -> Iterator[Row]:
    """A row for each kind of work."""
    for make in JOBS:
        yield disk_row(make(place), place / make.__name__, seed)


def disk_row(job: Job, place: Path, seed: int, tries: int = MOST) -> Row:
    """Do the work with all the room that it needs; then again and again with a share of it, and then with more.

    Args:
        job: the work.
        place: for its folders.
        seed: of the shares.
        tries: how many disks.
    """
    start, what = time.monotonic(), f"disk full, {job.name}"
    whole = done(lambda: job.run(place / "whole" / "work"), place / "whole", job.seconds)
    if whole.code:
        return Row(what, 0, faults=(f"not even in peace: {last_line(whole.stderr)}",))
    needed = sum(path.stat().st_blocks for path in (place / "whole" / "work").rglob("*")) // 2
    dice = random.Random(f"{seed} {job.name}")
    shares = [round(dice.uniform(0.05, 1), 3) for _ in range(min(tries, TRIES.get(job.name, tries)))]
    lost = doubled = 0
    faults: list[str] = []
    for number, share in enumerate(shares):
        try:
            with small_disk(place / str(number) / "work", max(16, int(needed * share))) as disk:
                found = _starved(job, disk, place)
        except NotAllowedError as error:
            return Row(what, 0, skipped=str(error))
        lost, doubled = lost + found.lost, doubled + found.doubled
        faults += [f"at {share:.0%}: {fault}" for fault in found.faults]
    note = f"needs {needed / 1024:.1f} MB"
    return Row(what, len(shares), lost, doubled, tuple(faults), time.monotonic() - start, note, moments=tuple(shares))


def _starved(job: Job, disk: Path, place: Path) -> Found:
    first = done(lambda: job.run(disk), disk.parent, job.seconds)
    faults = []
    if first.code and (complaint := first.complaint(several=isinstance(job, Sweep))):
        faults.append(complaint)
    make_room(disk)
    again = done(lambda: job.run(disk), disk.parent / "again", job.seconds)
    if again.code:
        return Found(faults=(*faults, f"does not go on: {last_line(again.stderr)}"))
    found = job.failed(disk) if isinstance(job, Sweep) else job.check(disk, place / "whole" / "work")
    return Found(found.lost, found.doubled, (*faults, *found.faults))
