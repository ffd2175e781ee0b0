"""Kinds of bad input, each given to the commands that would meet it: one line that names the file, nothing written."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.conftest import TINY, call
from tests.cli.test_bad_input import FAULTS
from tests.data.make import nnunet_folder
from tests.inference.make_run import threshold_run
from tests.torture.child import done
from tests.torture.kinds import REPORTS, SCANS, SETS
from tests.torture.row import Row

LOG = "console.log"
"""What predict.py leaves of a failure, and only that."""
TRAIN = (*TINY, "data.image_size=16", "evaluation.figures=false")


@dataclass(frozen=True)
class Try:
    """One command on one kind of bad input.

    Attributes:
        name: of the kind.
        command: name and words.
        words: that the line must hold.
        output: what must not be there afterwards.
        says: what the command prints where it prints a table of faults instead.
    """

    name: str
    command: Sequence[object]
    words: tuple[str, ...]
    output: Path
    tabular: bool = False


def rows(place: Path, seed: int) -> Iterator[Row]:
    """A row for each command."""
    for what, tries in (
        ("bad data sets, train.py", _train(place / "train")),
        ("bad data sets, check", _train(place / "check", "check")),
        ("bad scans and pictures, predict.py", _predict(place / "predict")),
        ("bad tables of reports, train.py", _reports(place / "reports")),
    ):
        yield _row(what, list(tries))


def _row(what: str, tries: Sequence[Try]) -> Row:
    start = time.monotonic()
    faults = [f"{each.name}: {fault}" for each in tries for fault in _faults(each)]
    return Row(what, len(tries), faults=tuple(faults), seconds=time.monotonic() - start)


def _faults(each: Try) -> list[str]:
    try:
        child = done(lambda: call(*each.command), each.output.parent / "process", 60)  # type: ignore[arg-type]
    except TimeoutError as error:
        return [str(error)]
    if each.tabular:
        said = child.stdout + child.stderr
        bad = child.code != 1 or "Traceback" in said
        missing = [word for word in each.words if word not in " ".join(said.split())]
        faults = (
            [f"exit code {child.code}: {said.strip()[-300:]}"] if bad else [f"does not name {missing}"] * bool(missing)
        )
    else:
        faults = [complaint] if (complaint := child.complaint(*each.words)) else []
    left = [
        str(path.relative_to(each.output)) for path in each.output.rglob("*") if path.is_file() and path.name != LOG
    ]
    return [*faults, *[f"written: {', '.join(left[:3])}"] * bool(left)]


def _train(place: Path, command: str = "train") -> Iterator[Try]:
    for name, (damage, word) in {**FAULTS, **SETS}.items():
        folder = place / name.replace(" ", "_")
        root = nnunet_folder(folder / "scans", [f"case{n}" for n in range(5)])
        damage(root)
        words: tuple[object, ...] = ("data=nnunet", f"data.root={root}")
        if command == "train":
            words = (*TRAIN, *words, f"paths.runs={folder / 'out'}", f"paths.cache={folder / 'cache'}")
        yield Try(name, (command, *words), (Path(word).name.partition(".")[0],), folder / "out", command == "check")


def _predict(place: Path) -> Iterator[Try]:
    run = threshold_run(place / "run", 2, channels=1)
    for name, (make, word) in SCANS.items():
        folder = place / name.replace(" ", "_")
        folder.mkdir(parents=True)
        source = make(folder)
        words = (f"run={run}", f"input={source}", f"output={folder / 'out'}", "accelerator=cpu")
        yield Try(name, ("predict", *words), (word or source.name,), folder / "out")


def _reports(place: Path) -> Iterator[Try]:
    for name, (content, words, word) in REPORTS.items():
        folder = place / name.replace(" ", "_")
        folder.mkdir(parents=True)
        table = folder / "table.csv"
        table.write_bytes(content)
        common: tuple[object, ...] = (f"paths.runs={folder / 'out'}", f"paths.cache={folder / 'cache'}", *words)
        data = ("method=report", "data=reports", f"data.file={table}", "trainer.accelerator=cpu", "logger=csv")
        yield Try(name, ("train", *data, *common), (word,), folder / "out")
