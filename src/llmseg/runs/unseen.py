"""Segmentation runs that have not seen certain cases: what a box model may borrow from without a leak."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from llmseg.data.split import Split
from llmseg.data.validation import shorten
from llmseg.errors import ConfigError
from llmseg.runs.folder import RunFolder


def unseen_run(path: Path, held_out: Sequence[str], key: str) -> RunFolder:
    """The run at `path`, or the newest below it, that was trained on none of these cases and is finished.

    Args:
        path: a run folder, or one with runs, such as those of all folds.
        held_out: ids of the cases that are tested.
        key: of the configuration, for messages.

    Raises:
        ConfigError: there is no such run.
    """
    found = sorted(_runs(path), key=lambda run: run.path.name, reverse=True)
    if not found:
        raise ConfigError(f"{key}={path}: no finished segmentation run there or below")
    reasons = []
    for run in found:
        split = Split.from_json(run.path / "split.json")
        seen = sorted({*split.train, *split.unlabelled}.intersection(held_out))
        if not seen:
            return run
        reasons.append(f"{run.path.name} was trained on {shorten(seen)}")
    raise ConfigError(
        f"{key}={path}: no run there has not seen the test cases ({shorten(reasons)}): train one with the same "
        "data.split"
    )


def _runs(path: Path) -> Iterator[RunFolder]:
    """Finished runs of segmentation."""
    for file in [path / "config.yaml", *path.rglob("config.yaml")] if path.is_dir() else []:
        run = RunFolder(file.parent)
        whole = all(each.is_file() for each in (file, run.last, run.path / "split.json"))
        if whole and "model" in run.config:
            yield run
