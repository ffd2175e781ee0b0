"""A small training, scored at its end."""

from collections.abc import Sequence
from pathlib import Path

from tests.cli.conftest import TINY, call, runs_in
from tests.cli.test_resume import assert_same_end
from tests.data.make_faults import data_set
from tests.torture.job import Found, compare

SHORT = ("trainer.max_epochs=6", "save_every_n_steps=2", "model.dropout=0.3", "data.batch_size=8", "data.image_size=24")
SCORED = ("evaluation.figures=false",)


def scans(place: Path) -> Path:
    """The data set that all trainings share: ten phantoms of two organs."""
    root = place / "scans"
    return root if root.is_dir() else data_set(root, [f"c{number}" for number in range(10)], channels=1)


class Training:
    """`train.py`, and `train.py resume=`."""

    name = "training"
    seconds = 180.0

    def __init__(self, place: Path) -> None:
        self.root = scans(place)

    def words(self, folder: Path) -> Sequence[str]:
        """The command line; the cache is the run's own, so that it is filled each time."""
        data = (
            "data=nnunet",
            f"data.root={self.root}",
            f"paths.runs={folder / 'runs'}",
            f"paths.cache={folder / 'cache'}",
        )
        return (*TINY, *SHORT, *SCORED, *data)

    def run(self, folder: Path) -> int:
        """Train, or go on with the run that is there."""
        begun = runs_in(folder / "runs")
        return call("train", f"resume={begun[0]}") if begun else call("train", *self.words(folder))

    def check(self, folder: Path, whole: Path) -> Found:
        """Weights, optimiser and schedule to the bit; rows of metrics.csv and cases.csv."""
        (one,), (two,) = runs_in(folder / "runs"), runs_in(whole / "runs")
        try:
            assert_same_end(two, one)
            fault = ""
        except AssertionError as error:
            fault = f"another end: {str(error).splitlines()[0]}"
        return compare(_lines(one), _lines(two), fault, *_leftovers(folder))


def _lines(run: Path) -> list[str]:
    """Rows of the tables, without what a clock has measured."""
    return [line for name in ("metrics.csv", "cases.csv") for line in (run / name).read_text().splitlines()]


def _leftovers(folder: Path) -> list[str]:
    return [
        f"left behind: {path.name}"
        for path in (folder / "runs").rglob("*")
        if path.name.endswith(".ckpt") and path.name[0] == "."
    ]
