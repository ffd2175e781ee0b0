"""Preprocessing of a data set into the cache."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from llmseg.data.cache import Cache
from llmseg.data.cases import Case
from llmseg.data.preprocessing import Recipe
from tests.data.make import case, mask, noise
from tests.torture.child_errors import told
from tests.torture.job import Found, compare

SHAPE = (72, 72, 48)
RECIPE = Recipe(("one", "two"), False, "RAS", (1.0, 1.0, 1.0), "zscore", None, False, 2, None)


def volumes(place: Path, count: int = 12) -> list[Case]:
    """Cases that take a moment each."""
    return [
        case(place / "volumes" / f"v{n}", noise(n, SHAPE), mask((0, 1, 2), SHAPE)) for n in range(count)
    ]  # fmt: skip


class Caching:
    """`Cache.get_all`, as every command calls it."""

    name = "caching"
    seconds = 120.0

    def __init__(self, place: Path) -> None:
        self.cases = volumes(place)

    def run(self, folder: Path) -> int:
        """Fill the cache, or what is missing of it."""
        return told(lambda: Cache(folder / "cache", RECIPE).get_all(self.cases))

    def check(self, folder: Path, whole: Path) -> Found:
        """Every file of every case, byte for byte."""
        return compare(_files(folder / "cache"), _files(whole / "cache"))


def _files(cache: Path) -> Iterator[tuple[str, int]]:
    for file in sorted(cache.rglob("*")):
        if file.is_file():
            yield (
                str(file.relative_to(cache)),
                hash(file.read_bytes() if file.suffix != ".npy" else np.load(file).tobytes()),
            )
