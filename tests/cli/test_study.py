"""`study.py` in this process, with a sandbox that only pretends; the real one is in tests/slow/test_study.py."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmseg.errors import UserError
from llmseg.runs import RunFolder, collect, collect_cases
from llmseg.study import collect as collect_studies
from llmseg.study import sandbox
from llmseg.study.transcript import Reply, Transcript
from tests.cli.conftest import TINY, Command, call, runs_in
from tests.conftest import Refusal
from tests.study.make_study import PretendBox, fails, file, predicts

ERROR = "NameError: name 'np' is not defined"


@pytest.fixture
def study(tmp_path: Path, sample_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`study.py author=recorded` with two answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sandbox, "require_isolation", lambda: None)
    monkeypatch.setattr(sandbox, "in_force", lambda: {"isolation": "pretended"})
    transcript = Transcript(tmp_path / "messages.jsonl")
    for code in ("first", "second"):
        transcript.answer(Reply(file(code), 100, 20, 1.0, "parrot-1"))

    def run(*words: object) -> int:
        words = words if any("resume" in str(word) for word in words) else ("author=recorded", *words)
        if "author=recorded" in words:
            words = (*words, "author.transcript=messages.jsonl", "data.image_size=32", f"paths.cache={sample_cache}")
            words = (*words, "paths.runs=runs", "evaluation.figures=false")
        return call("study", *words)

    return run


def _pretend(monkeypatch: pytest.MonkeyPatch, *effects: Any) -> PretendBox:
    box = PretendBox(*effects)
    monkeypatch.setattr(sandbox, "run", box)
    return box


def test_a_study_leaves_what_tables_of_runs_read(
    study: Command,
    tmp_path: Path,
    sample_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = (*TINY, "model=unet", "evaluation.figures=false", f"paths.cache={sample_cache}", "paths.runs=runs")
    assert call("train", *words) == 0
    box = _pretend(monkeypatch, fails(ERROR), predicts)
    capsys.readouterr()
    assert study("author.company=Birds", "author.price.input=1", "author.price.output=2", "repeat=4") == 0
    shown = capsys.readouterr().out
    assert "canonical U-Net" in shown
    assert "parrot-1: ran after 2 round(s) with 1 error(s), Dice 0." in shown

    (run,) = runs_in(tmp_path / "runs" / "study_recorded")
    assert {path.name for path in run.iterdir()} == {
        "config.yaml", "environment.json", "messages.jsonl", "rounds", "study.json", "cases.csv", "summary.json",
        "split.json", "slices.json", "console.log", "status.json",
    }  # fmt: skip
    record = json.loads((run / "study.json").read_text())
    assert {key: record[key] for key in ("author", "model", "company", "repeat", "data", "state", "native_dice")} == {
        "author": "recorded", "model": "parrot-1", "company": "Birds", "repeat": 4, "data": "mni152", "state": "ran",
        "native_dice": 0.5,
    }  # fmt: skip
    assert [each["error"] for each in record["rounds"]] == ["NameError", None]
    assert [each["cost"] for each in record["rounds"]] == [pytest.approx(1.4e-4)] * 2
    assert record["sandbox"] == {"isolated": True, "isolation": "pretended"}
    assert len(record["prompt"]["sha256"]) == 64
    assert box.boxes[0].inputs["data"].name == "data"
    assert not any("slices" in path.name for path in box.boxes[0].inputs["data"].rglob("*"))

    (trained,) = runs_in(tmp_path / "runs" / "mni152_unet")
    columns, own = (list(pd.read_csv(folder / "cases.csv").columns) for folder in (trained, run))
    assert own == [name for name in columns if name != "dice_best_on_validation"]
    keys, mine = (set(json.loads((folder / "summary.json").read_text())) for folder in (trained, run))
    assert mine == keys - {"best_on_validation"}
    table = collect(tmp_path / "runs").set_index("config.choices.method")
    assert table.loc["generated", "config.choices.model"] == "parrot-1"
    assert set(collect_cases(tmp_path / "runs")["model"]) == {"parrot-1", "unet"}
    assert collect_studies(tmp_path / "runs")["dice"][0] == table.loc["generated", "summary.mean.dice"]

    assert call("compare", "run=runs") == 0
    shown = capsys.readouterr().out
    assert "  parrot-1  " in shown
    assert "  unet  " in shown
    assert (tmp_path / "runs" / "comparison.png").read_bytes()[:4] == b"\x89PNG"


def test_giving_up_and_going_on_with_a_larger_budget(
    study: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _pretend(monkeypatch, fails(ERROR))
    assert study("budget.rounds=1") == 0
    (run,) = runs_in(tmp_path / "runs")
    record = json.loads((run / "study.json").read_text())
    assert (record["state"], record["reason"], record["native_dice"]) == ("gave up", "rounds", None)
    assert not (run / "summary.json").exists()
    assert "gave up after 1 round(s) with 1 error(s) (rounds)" in capsys.readouterr().out

    _pretend(monkeypatch, predicts)
    assert study(f"resume={run}", "budget.rounds=3") == 0
    record = json.loads((run / "study.json").read_text())
    assert (record["state"], len(record["rounds"])) == ("ran", 2)
    assert RunFolder(run).config["budget"]["rounds"] == 3
    assert study(f"resume={run}") == 0  # nothing is left to do: the pretended box would refuse a second run
    assert study(f"resume={run}", "seed=1") == 2


def test_an_author_that_cannot_be_asked(
    study: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first answer nothing stays; after it, everything, and the line says how to go on."""
    from llmseg.study.client import Recorded

    answers = Recorded.ask

    def ask(self: Recorded, messages: list[dict[str, Any]]) -> Reply:
        if len(messages) > reached:
            raise UserError("author=recorded: flew away")
        return answers(self, messages)

    monkeypatch.setattr(Recorded, "ask", ask)
    _pretend(monkeypatch, fails(ERROR))
    reached = 0
    assert study() == 1
    assert not (tmp_path / "runs").exists()
    assert capsys.readouterr().err == "error: author=recorded: flew away\n"
    reached = 1
    assert study() == 1
    (run,) = runs_in(tmp_path / "runs")
    assert f"go on with resume={run.relative_to(tmp_path)}" in capsys.readouterr().err
    assert json.loads((run / "study.json").read_text())["state"] == "running"
    reached = 9
    _pretend(monkeypatch, predicts)
    assert study(f"resume={run}") == 0
    assert json.loads((run / "study.json").read_text())["state"] == "ran"


@pytest.mark.parametrize("answered", [False, True])
def test_a_study_that_is_stopped_says_how_to_go_on(
    answered: bool, study: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no answer had come there is nothing to go on with, and nothing stays."""
    from llmseg.study.client import Recorded

    answers = Recorded.ask

    def ask(self: Recorded, messages: list[dict[str, Any]]) -> Reply:
        if answered and len(messages) == 1:
            return answers(self, messages)
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorded, "ask", ask)
    _pretend(monkeypatch, fails(ERROR))
    assert study() == 130
    shown = "".join(capsys.readouterr())
    assert shown.endswith("interrupted\n")
    assert ("stopped; to go on: python study.py resume=runs" in shown) == answered
    assert (tmp_path / "runs").exists() == answered


def test_a_sweep_of_repeats(study: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, predicts, fails(ERROR), predicts)
    assert study("-m", "repeat=0,1") == 0
    table = collect_studies(tmp_path / "runs").sort_values("repeat")
    assert table["repeat"].tolist() == [0, 1]
    assert table["errors"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("author=openai", "author.model=x"), "set the environment variable OPENAI_API_KEY"),
        (("author=openai", "author.model=x", "author.key=sk-1"), "author.key: no such key"),
        (("author=nnunet",), "author=nnunet needs the package nnunetv2: pip install nnunetv2"),
        (("author=recorded", "author.transcript=nowhere"), "no messages.jsonl there"),
        (("author=local", "sandbox.isolation=maybe"), "choose auto or none"),
        (("author=local", "sandbox.seconds=0"), "sandbox.seconds=0: give a positive number"),
        (("author=local", "budget.rounds=0"), "give positive numbers"),
        ((), "author: say who writes"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Refusal,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if "author=nnunet" in words:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert call("study", *words) in (1, 2)
    refusal(message)
    assert not os.listdir(tmp_path)


def test_the_key_is_in_no_file(
    tmp_path: Path, sample_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.study.chat_server import serving

    pytest.importorskip("openai")
    key = "sk-never-to-be-seen"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_KEY", key)
    monkeypatch.setattr(sandbox, "require_isolation", lambda: None)
    monkeypatch.setattr(sandbox, "in_force", lambda: {})
    box = _pretend(monkeypatch, predicts)
    words = ("author.key_variable=MY_KEY", "author.wait=0", "data.image_size=32", "evaluation.figures=false")
    with serving(429, f"{key} is your key\n{file(key)}") as server:
        author = ("author=openai", "author.model=parrot", f"author.base_url={server.url}")
        assert call("study", *author, *words, f"paths.cache={sample_cache}", "paths.runs=runs") == 0
    assert key not in json.dumps(dict(box.boxes[0].files))
    shown = capsys.readouterr()
    assert "answered 429" in shown.out
    assert key not in shown.out + shown.err
    for path in (tmp_path / "runs").rglob("*"):
        assert path.is_dir() or key.encode() not in path.read_bytes()
