"""Kill -9 at random moments of every kind of work, and go on: the same in the end, nothing lost, nothing doubled."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

from tests.torture.child import begin, done, last_line
from tests.torture.job import Job
from tests.torture.jobs import JOBS
from tests.torture.row import Row

TRIES = 10


def rows(place: Path, seed: int) -> Iterator[Row]:
    """A row for each kind of work."""
    for make in JOBS:
        yield kill_row(make(place), place / make.__name__, seed)


def kill_row(job: Job, place: Path, seed: int, tries: int = TRIES) -> Row:
    """Do the work once in peace; then again and again, killed once each time.

    Args:
        job: the work.
        place: for its folders.
        seed: of the moments.
        tries: how many kills.
    """
    start = time.monotonic()
    whole = done(lambda: job.run(place / "whole" / "work"), place / "whole", job.seconds)
    if whole.code:
        return Row(f"kill -9, {job.name}", 0, faults=(f"not even in peace: {last_line(whole.stderr)}",))
    moments = random.Random(f"{seed} {job.name}")
    struck = [round(moments.uniform(0, whole.seconds), 3) for _ in range(tries)]
    lost = doubled = missed = 0
    faults: list[str] = []
    for number, moment in enumerate(struck):
        folder = place / str(number)
        child = begin(lambda folder=folder: job.run(folder / "work"), folder)  # type: ignore[misc]
        time.sleep(moment)
        missed += not child.kill()
        if left := child.orphans():
            faults.append(f"killed after {moment} s: {left} processes lived on")
        again = done(lambda folder=folder: job.run(folder / "work"), folder, job.seconds)  # type: ignore[misc]
        if again.code:
            faults.append(f"killed after {moment} s: does not go on: {last_line(again.stderr)}")
            continue
        found = job.check(folder / "work", place / "whole" / "work")
        lost, doubled = lost + found.lost, doubled + found.doubled
        faults += [f"killed after {moment} s: {fault}" for fault in found.faults]
    note = f"{tries - missed} of {tries} struck before its end; undisturbed {whole.seconds:.1f} s"
    return Row(
        f"kill -9, {job.name}",
        tries,
        lost,
        doubled,
        tuple(faults),
        time.monotonic() - start,
        note,
        moments=tuple(struck),
    )
