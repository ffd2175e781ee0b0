"""Running commands in this process, on small data."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmseg.cli import entry
from llmseg.resources import conf_folder

Command = Callable[..., int]
TINY = (
    "model=unet",
    "model.width=4",
    "model.depth=2",
    "data.image_size=32",
    "data.batch_size=12",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.precision=32",
    "trainer.enable_progress_bar=false",
    "logger=csv",
)
"""A network and a training that take a second."""


def call(name: str, *words: object) -> int:
    """Run `train`, `evaluate` or `compare` with these words; the exit code."""
    try:
        entry.run(name, f"llmseg.cli.{name}:{name}", [str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture
def train(tmp_path: Path, sample_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`train.py` with TINY and the words given, into `tmp_path/runs`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("CACHE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb-home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(*words: object) -> int:
        return call("train", *TINY, f"paths.runs={tmp_path / 'runs'}", f"paths.cache={sample_cache}", *words)

    return run


@pytest.fixture
def joblib_workers() -> Iterator[None]:
    """End joblib's worker processes after the test: they would serve the next one in this one's folder."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    from joblib.externals.loky import get_reusable_executor

    yield
    get_reusable_executor().shutdown(wait=True)


def runs_in(folder: Path) -> list[Path]:
    """Run folders below `folder`, in order of their names."""
    return sorted(path.parent for path in folder.rglob("config.yaml") if "files" not in path.parts)


def group(name: str) -> list[str]:
    """Choices of a config group."""
    return sorted(file.stem for file in (conf_folder() / name).glob("*.yaml") if not file.stem.startswith("_"))
