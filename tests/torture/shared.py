"""Two processes on one cache, and a run folder that is moved and opened elsewhere."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cli.conftest import call, runs_in
from tests.torture.child import Child, begin, done, last_line
from tests.torture.jobs.caching import Caching
from tests.torture.jobs.training import Training
from tests.torture.row import Row

TRIES = 5


def rows(place: Path, seed: int) -> Iterator[Row]:
    """One row each."""
    yield two_on_one_cache(place / "cache")
    yield moved_run(place / "moved")


def two_on_one_cache(place: Path) -> Row:
    """Two processes fill one cache at the same moment, several times; beside it one process fills another."""
    place.mkdir(parents=True)
    start, job = time.monotonic(), Caching(place)
    done(lambda: job.run(place / "whole"), place / "process", job.seconds)
    lost = doubled = 0
    faults: list[str] = []
    for number in range(TRIES):
        folder = place / str(number)
        pair = [begin(lambda folder=folder: job.run(folder), place / f"process{n}") for n in range(2)]  # type: ignore[misc]
        faults += [last_line(child.stderr) for child in pair if child.wait(job.seconds)]
        found = job.check(folder, place / "whole")
        lost, doubled = lost + found.lost, doubled + found.doubled
    return Row("two processes fill one cache", TRIES, lost, doubled, tuple(faults), time.monotonic() - start)


def moved_run(place: Path) -> Row:
    """Train, stop half way, move the folder and the data, and use it there with every command that opens runs."""
    place.mkdir(parents=True)
    start, job = time.monotonic(), Training(place)
    whole = place / "whole"
    done(lambda: job.run(whole), place / "process", job.seconds)
    half = begin(lambda: job.run(place / "half"), place / "process")
    while not list((place / "half").rglob("last.ckpt")) and half.code is None:
        time.sleep(0.02)
    half.kill()
    (run,) = runs_in(place / "half" / "runs")
    elsewhere = place / "elsewhere, 另一处" / "a run"
    elsewhere.parent.mkdir()
    shutil.move(run, elsewhere)
    shutil.rmtree(place / "half")
    root = job.root.rename(place / "scans elsewhere")
    scan = next((root / "imagesTr").iterdir())
    quoted = f"'{elsewhere}'"
    tries = {
        "resume": ("train", f"resume={quoted}", f"data.root='{root}'", f"paths.cache={place / 'cache'}"),
        "evaluate": ("evaluate", f"run={quoted}", f"data.root='{root}'", f"output={place / 'scored'}",
                     f"paths.cache={place / 'cache'}", "evaluation.figures=false"),
        "predict": ("predict", f"run={quoted}", f"input='{scan}'", f"output={place / 'masks'}", "accelerator=cpu"),
        "compare": ("compare", f"run='{elsewhere.parent}'"),
    }  # fmt: skip
    children = {name: done(lambda words=words: call(*words), place / "process", 60) for name, words in tries.items()}  # type: ignore[misc]
    faults = [f"{name}: {_fault(child)}" for name, child in children.items() if child.code]
    if not faults:
        shutil.copytree(elsewhere, place / "again" / "runs" / "run")
        found = job.check(place / "again", whole)
        faults += [*found.faults, *[f"{found.lost} rows lost"] * bool(found.lost)]
    return Row(
        "a run killed, moved with its data, resumed, scored, used",
        len(tries),
        faults=tuple(faults),
        seconds=time.monotonic() - start,
    )


def _fault(child: Child) -> str:
    return last_line(child.stderr) or last_line(child.stdout)
