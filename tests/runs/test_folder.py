"""Run folders."""

import errno
import json
from pathlib import Path

import pytest

from llmseg.errors import UserError
from llmseg.runs import RunFolder
from llmseg.runs.state import recorded
from tests.data.make import one_line


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path: Path) -> None:
    made = {RunFolder.create(tmp_path, "x").path for _ in range(3)}
    assert len(made) == 3
    assert all(path.parent == tmp_path / "x" for path in made)


def test_config_round_trip(tmp_path: Path) -> None:
    config = {"seed": 1, "model": {"_target_": "llmseg.models.UNet", "widths": [1, 2]}, "name": None}
    run = RunFolder.create(tmp_path, "x")
    run.write_config(config)
    assert RunFolder.open(run.path).config == config


def test_a_config_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"seed: \xff")
    with pytest.raises(UserError) as error:
        _ = RunFolder.open(tmp_path).config
    one_line(error.value, tmp_path / "config.yaml")


def test_json_has_null_for_nan_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "x")
    run.write_json("summary.json", {"a": float("nan"), "b": [1.5, float("inf")], "c": ("d",)})
    assert json.loads((run.path / "summary.json").read_text()) == {"a": None, "b": [1.5, None], "c": ["d"]}
    assert [path.name for path in run.path.iterdir()] == ["summary.json"]


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        RunFolder.open(tmp_path / "nowhere")
    one_line(error.value, tmp_path / "nowhere")
    run = RunFolder.create(tmp_path, "x")
    with pytest.raises(UserError) as error:
        run.checkpoint("last")
    one_line(error.value, "last.ckpt", run.path)


def test_a_status_that_cannot_be_written_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: RunFolder, name: str, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_json", full)
    with pytest.raises(UserError, match="checkpoints: cannot write"), recorded(RunFolder(tmp_path)):
        raise UserError("checkpoints: cannot write")
    unwritten = pytest.raises(UserError, match=r"status.json: cannot be written \(No space left on device\)")
    with unwritten, recorded(RunFolder(tmp_path)):
        pass


def test_a_parent_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError) as error:
        RunFolder.create(tmp_path / "runs", "x")
    one_line(error.value, "paths.runs")
