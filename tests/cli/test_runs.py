"""`python -m llmseg.cli.runs`: lists, filters, compares and removes."""

import csv
import io
import json
from pathlib import Path

import pytest
from filelock import FileLock

from llmseg.cli import runs
from llmseg.errors import UserError
from llmseg.runs import RunFolder
from llmseg.runs.result import Result
from llmseg.runs.state import recorded, status
from tests.cli.conftest import Command, runs_in
from tests.conftest import Refusal


def make(parent: Path, state: str, model: str = "unet", dice: float | None = None, rate: float = 0.001) -> Path:
    """A run folder as a training leaves it."""
    run = RunFolder.create(parent, f"mni152_{model}")
    run.write_config(
        {"seed": 0, "optimizer": {"lr": rate}, "choices": {"model": model, "data": "mni152", "loss": "dice"}}
    )
    if dice is not None:
        run.write_json("summary.json", {"mean": {"dice": dice}})
    if state not in ("unfinished", "running"):
        error = "ValueError: too bad" if state == "failed" else None
        run.write_json("status.json", {"state": state, "error": error, "steps": 12, "seconds": 3.5})
    return run.path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path, "finished", "unet", 0.9)
    make(tmp_path, "finished", "gpt4o", 0.7, rate=0.01)
    make(tmp_path, "failed", "gpt4o")
    make(tmp_path, "unfinished", "vnet")
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, str]]:
    """Rows of `--csv`."""
    capsys.readouterr()
    runs.main([*map(str, words), "--csv"])
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def code_of(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        runs.main([str(word) for word in words])
    return int(stop.value.code or 0)


def test_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs.main([str(folder)])
    out = capsys.readouterr().out
    assert out.startswith("4 runs\n")
    assert "0.900" in out
    assert "ValueError: too bad" in out
    rows = listed(capsys, folder)
    assert sorted(row["state"] for row in rows) == ["failed", "finished", "finished", "unfinished"]
    assert all(len(row["date"]) == len("2026-11-22 10:00:00") for row in rows)
    assert {row["dice"] for row in rows} == {"0.9", "0.7", ""}


@pytest.mark.parametrize(
    ("words", "models"),
    [
        (["model=gpt4o"], ["gpt4o", "gpt4o"]),
        (["model=gpt4o", "dice>0.5"], ["gpt4o"]),
        (["dice>=0.9"], ["unet"]),
        (["dice<0.9"], ["gpt4o"]),
        (["state=unfinished"], ["vnet"]),
        (["optimizer.lr=1e-2"], ["gpt4o"]),
        (["optimizer.lr<0.005", "model!=vnet", "state!=failed"], ["unet"]),
        (["loss=dice", "model=UNET"], ["unet"]),
        (["model=none"], []),
    ],
)
def test_filters(folder: Path, words: list[str], models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(row["model"] for row in listed(capsys, folder, *words)) == models


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["modle"], "'modle' is neither a folder nor a filter"),
        (["dice>high"], "'high' is not a number"),
        (["state=faild"], "choose from finished"),
        (["--remove", "finished"], "invalid choice: 'finished'"),
        (["--remove", "running"], "invalid choice: 'running'"),
        (["--compare", "a"], "expected 2 arguments"),
        (["--compare", "a", "b"], "no run folder"),
        (["model=none"], "no run there"),
    ],
)
def test_mistakes_are_one_line(folder: Path, words: list[str], message: str, refusal: Refusal) -> None:
    assert code_of(folder, *words) in (1, 2)
    refusal(message)


def test_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (row["run"] for row in listed(capsys, folder, "state=finished"))
    runs.main(["--compare", one, two])
    out = capsys.readouterr().out
    assert "0.900" in out
    assert "0.700" in out
    assert "optimizer.lr" in out
    assert "seed" not in out  # the same in both


def test_remove_asks_and_touches_neither_finished_nor_running_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(folder), "--remove", "failed"]
    assert code_of(*words) == 2  # nobody to ask
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer in ("", "n", "no"):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        runs.main(words)
        assert len(runs_in(folder)) == 4
    monkeypatch.setattr("builtins.input", lambda _: "y")
    runs.main(words)
    assert [row["state"] for row in listed(capsys, folder)].count("failed") == 0
    assert len(runs_in(folder)) == 3

    (row,) = listed(capsys, folder, "state=unfinished")
    with recorded(RunFolder(Path(row["run"]))):  # it is started again
        assert [row["state"] for row in listed(capsys, folder)].count("running") == 1
        runs.main([str(folder), "--remove", "unfinished", "--yes"])
        assert len(runs_in(folder)) == 3


def test_a_run_that_is_started_while_the_user_thinks_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = listed(capsys, folder, "state=unfinished")
    lock = FileLock(Path(row["run"]) / ".lock")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: lock.acquire() and "y")
    runs.main([str(folder), "--remove", "unfinished"])
    assert "it is running now" in capsys.readouterr().out
    assert Path(row["run"]).is_dir()
    lock.release()


def test_states_of_a_training(tmp_path: Path) -> None:
    run = RunFolder(make(tmp_path, "unfinished"))
    assert status(run).state == "unfinished"
    with recorded(run) as record:
        record.steps = 3
        assert status(run).state == "running"
        with pytest.raises(UserError, match="another process"), recorded(run):
            pass
    assert (status(run).state, status(run).steps) == ("finished", 3)
    with pytest.raises(ZeroDivisionError), recorded(run):
        raise ZeroDivisionError("by zero")
    assert (status(run).state, status(run).error) == ("failed", "ZeroDivisionError: by zero")
    with pytest.raises(KeyboardInterrupt), recorded(run):
        raise KeyboardInterrupt
    assert status(run).state == "unfinished"
    assert not (run.path / ".lock").exists()


def test_a_real_run_and_what_its_training_returns(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("evaluate=false") == 0
    (row,) = listed(capsys, tmp_path / "runs")
    assert (row["state"], row["model"], row["steps"], row["dice"]) == ("finished", "unet", "5", "")
    result = Result.of(Path(row["run"]))
    assert result.dice is None
    assert float(result) == result.val_dice
    (Path(row["run"]) / "summary.json").write_text(json.dumps({"mean": {"dice": 0.25}}))
    assert float(Result.of(Path(row["run"]))) == 0.25
