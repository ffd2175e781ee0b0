"""Answers for the rows of a table."""

import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmseg.cli.chat_batch import Files, run_batch
from llmseg.data.reports.sample import Report
from llmseg.language.writing import Generation, Written
from tests.cli.writers import Stub
from tests.torture.child_errors import told
from tests.torture.job import Found, compare

ROWS = 120
HOW = Generation(max_new_tokens=512, batch_size=4)


class Slow(Stub):
    """Takes its time over an answer, as a model does."""

    def write(self, reports: Sequence[Report], how: Generation) -> Iterator[tuple[int, Written]]:
        """See `Writer.write`."""
        for answer in super().write(reports, how):
            time.sleep(0.01)
            yield answer


class Batch:
    """What `chat.py in_csv=` does, with a writer that needs no model."""

    name = "CSV batch"
    seconds = 60.0

    def __init__(self, place: Path) -> None:
        self.table = place / "in.csv"
        with self.table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "INSTRUCTION"])
            writer.writerows([f"{n:03d}", f"第{n}号：{'右肾见低密度灶。' * (9 * (n % 7) + 1)}"] for n in range(ROWS))

    def run(self, folder: Path) -> int:
        """Answer all rows, or those that are missing."""
        folder.mkdir(exist_ok=True)
        out = folder / "out.csv"
        if out.exists():  # it was killed after its end
            return 0
        return told(lambda: run_batch(Slow, Files(self.table, out), HOW))

    def check(self, folder: Path, whole: Path) -> Found:
        """The rows of the table, and nothing beside it."""
        left = sorted(path.name for path in folder.iterdir() if path.name != "out.csv")
        fault = f"left behind: {', '.join(left)}" if left else ""
        return compare(_rows(folder / "out.csv"), _rows(whole / "out.csv"), fault)


def _rows(file: Path) -> list[tuple[str, ...]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return [tuple(row) for row in csv.reader(lines)]
