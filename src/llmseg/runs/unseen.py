"""Segmentation runs that have not seen certain patients: what a box model may borrow from without a leak."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from llmseg.data.readers.brats import patient
from llmseg.data.split import Split
from llmseg.data.validation import shorten
from llmseg.errors import ConfigError
from llmseg.runs.folder import RunFolder
from llmseg.runs.state import status


def unseen_run(path: Path, held_out: Mapping[str, str], key: str) -> RunFolder:
    """The run at `path`, or the newest below it, that tests these cases and has learnt from none of their patients.

    Args:
        path: a finished run of segmentation, or a folder with such, as of all folds.
        held_out: id of each case that is tested -> its patient.
        key: of the configuration, for messages.

    Raises:
        ConfigError: there is no such run.
    """
    found = sorted(_runs(path), key=lambda run: run.path.name, reverse=True)
    if not found:
        raise ConfigError(f"{key}={path}: no finished segmentation run there or below")
    reasons = []
    for run in found:
        fault = _fault(Split.from_json(run.path / "split.json"), held_out)
        if fault is None:
            return run
        reasons.append(f"{run.path.name} {fault}")
    raise ConfigError(
        f"{key}={path}: no run there is fair to the test cases ({shorten(reasons)}): train one with the same data.split"
    )


def _fault(split: Split, held_out: Mapping[str, str]) -> str | None:
    patients = set(held_out.values())
    seen = sorted(id_ for id_ in (*split.train, *split.unlabelled, *split.val) if {id_, patient(id_)} & patients)
    seen += sorted({*split.train, *split.unlabelled, *split.val} & held_out.keys() - set(seen))
    if seen:
        return f"was trained on {shorten(seen)}"
    if missing := sorted(held_out.keys() - set(split.test)):
        return f"does not test {shorten(missing)}"
    return None


def _runs(path: Path) -> Iterator[RunFolder]:
    """Finished runs of segmentation."""
    for file in [path / "config.yaml", *path.rglob("config.yaml")] if path.is_dir() else []:
        run = RunFolder(file.parent)
        whole = all(each.is_file() for each in (file, run.last, run.path / "split.json"))
        if whole and "model" in run.config and status(run).state == "finished":
            yield run
