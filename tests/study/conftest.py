"""The sandbox in every way in which this machine can make one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxes import Sandbox, available, open_to_all, readable_package

WAYS = ("bubblewrap", "namespaces")
KINDS = [
    *((way, "this user") for way in WAYS),
    *(pytest.param((way, "nobody"), marks=pytest.mark.slow, id=f"{way}_as_nobody") for way in WAYS),
]


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind[0])
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path | None]]:
    """Way of isolation, and the package where another user runs it; skips what this machine does not offer."""
    way, who = request.param
    with tempfile.TemporaryDirectory() as folder:
        open_to_all(Path(folder))
        package = readable_package(Path(folder)) if who == "nobody" else None
        available(way, package)
        yield way, package


@pytest.fixture
def sandbox(kind: tuple[str, Path | None], tmp_path: Path) -> Sandbox:
    """A sandbox with an empty folder for results."""
    open_to_all(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results").chmod(0o777)
    return Sandbox(*kind, tmp_path / "results")
