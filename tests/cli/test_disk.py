"""A disk that is full, and a cache that two processes fill."""

import multiprocessing
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from llmseg.data.cache import Cache
from llmseg.data.preprocessing import Recipe
from llmseg.runs import load
from tests.cli.conftest import Command, call, runs_in
from tests.conftest import Refusal
from tests.data.make import case, noise
from tests.torture.small_disk import NotAllowedError
from tests.torture.small_disk import small_disk as disk_of

pytestmark = pytest.mark.slow
RECIPE = Recipe(("one", "two"), False, "RAS", None, "zscore", None, False, 2, None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    try:
        with disk_of(tmp_path / "small", kib=2048) as folder:
            yield folder
    except NotAllowedError as error:
        pytest.skip(str(error))


def test_a_full_cache_is_named(train: Command, small_disk: Path, tmp_path: Path, refusal: Refusal) -> None:
    assert train(f"paths.cache={small_disk / 'cache'}", "data.image_size=256") == 1
    error = refusal(str(small_disk / "cache"))
    assert "(None)" not in error  # numpy's error has no reason of the system's
    assert not (tmp_path / "runs").exists()
    assert not list((small_disk / "cache").glob(".*"))


def test_a_full_disk_leaves_the_last_good_checkpoint(
    train: Command, small_disk: Path, tmp_path: Path, refusal: Refusal, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, ballast = small_disk / "runs", small_disk / "ballast"
    assert train(f"paths.runs={runs}", "evaluate=false") == 0
    (run,) = runs_in(runs)
    good = (run / "checkpoints" / "last.ckpt").read_bytes()
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - 40_000)  # for config.yaml and the log
    capsys.readouterr()
    assert call("train", f"resume={run}", "trainer.max_epochs=2") == 1
    refusal(str(run / "checkpoints"))
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == good
    assert load(run).net is not None
    assert not list((run / "checkpoints").glob(".*"))
    ballast.unlink()
    assert call("train", f"resume={run}") == 0


def test_two_processes_fill_one_cache(tmp_path: Path) -> None:
    cases = [case(tmp_path / f"case{n}", noise(n)) for n in range(12)]
    fork = multiprocessing.get_context("fork")
    cache = Cache(tmp_path / "cache", RECIPE)
    processes = [fork.Process(target=cache.get_all, args=(cases,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    alone = Cache(tmp_path / "alone", RECIPE).get_all(cases)
    for one, two in zip(cache.get_all(cases), alone, strict=True):
        np.testing.assert_array_equal(one.image(), two.image())
    assert len(list((tmp_path / "cache").iterdir())) == len(cases)
