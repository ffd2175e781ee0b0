"""Several tasks of a Slurm step and their one run folder."""

from pathlib import Path
from threading import Thread

import pytest

from llmseg.cli.slurm import is_follower, shared_folder
from llmseg.errors import UserError
from llmseg.runs.folder import RunFolder


def task(monkeypatch: pytest.MonkeyPatch, number: int, tasks: int = 2, **names: str) -> None:
    """Be this task of a step."""
    variables = {"SLURM_NTASKS": str(tasks), "SLURM_PROCID": str(number), "SLURM_JOB_ID": "17", **names}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_others_get_the_folder_of_task_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task(monkeypatch, 1)
    assert is_follower()
    found: list[RunFolder] = []

    def wait() -> None:
        found.append(shared_folder(tmp_path, ["seed=1"], lambda: pytest.fail("made a folder of its own"), 20))

    waiting = Thread(target=wait)
    waiting.start()
    # what task 0 of this step writes; that of another job, step, start or word must not be taken for it
    for names, word in (({"SLURM_JOB_ID": "18"}, "seed=1"), ({"SLURM_STEP_ID": "1"}, "seed=1"), ({}, "seed=2")):
        other = tmp_path / "other"
        with pytest.MonkeyPatch.context() as patch:
            task(patch, 0, **names)
            shared_folder(other, [word], lambda: RunFolder(tmp_path / "wrong"))
    (note,) = (tmp_path / "other" / ".slurm").glob("17-0-0-*")
    with pytest.MonkeyPatch.context() as patch:
        task(patch, 0)
        made = shared_folder(tmp_path / "mine", ["seed=1"], lambda: RunFolder(tmp_path / "run"))
    (right,) = (tmp_path / "mine" / ".slurm").iterdir()
    assert right.name != note.name
    (tmp_path / ".slurm").mkdir()
    right.rename(tmp_path / ".slurm" / right.name)
    waiting.join()
    assert found == [made] == [RunFolder(tmp_path / "run")]


def test_a_first_task_that_failed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task(monkeypatch, 1)
    with pytest.raises(UserError, match="first task of this Slurm job made no run folder"):
        shared_folder(tmp_path, [], lambda: RunFolder(tmp_path), patience=0.1)


@pytest.mark.parametrize("names", [{"SLURM_JOB_NAME": "bash"}, {"SLURM_NTASKS": "1"}])
def test_a_task_of_its_own_makes_its_folder(
    names: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task(monkeypatch, 1, **names)
    assert not is_follower()
    assert shared_folder(tmp_path, [], lambda: RunFolder(tmp_path / "run")) == RunFolder(tmp_path / "run")
    assert not (tmp_path / ".slurm").exists()
