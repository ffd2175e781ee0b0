"""Trainings that are killed at random moments and go on."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, call, runs_in
from tests.cli.test_resume import assert_same_end
from tests.slow.power_cut import SWITCH

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
STEPS = 30  # ten epochs of 60 training slices in batches of 12, two of them a step
OPTIONS = (
    "trainer.max_epochs=10", "evaluate=false", "save_every_n_steps=2", "model.dropout=0.3", "callbacks=[default,ema]",
    "callbacks.ema.decay=0.9", "trainer.accumulate_grad_batches=2", "scheduler=plateau", "scheduler.patience=1",
)  # fmt: skip


def train(folder: Path, *words: str) -> Path:
    """A training that nothing disturbs."""
    assert call("train", *TINY, *OPTIONS, *words, f"paths.runs={folder}", f"paths.cache={folder.parent / 'cache'}") == 0
    (run,) = runs_in(folder)
    return run


def killed(folder: Path, step: int, after: float, *words: str) -> Path:
    """A training, in a process of its own, that is killed together with all of its children."""
    cut = (
        "+callbacks.cut._target_=tests.slow.power_cut.PowerCut",
        f"+callbacks.cut.step={step}",
        f"+callbacks.cut.after={after:.4f}",
    )
    process = subprocess.Popen(
        [
            sys.executable,
            ROOT / "train.py",
            *TINY,
            *OPTIONS,
            *words,
            *cut,
            f"paths.runs={folder}",
            f"paths.cache={folder.parent / 'cache'}",
        ],
        cwd=folder.parent,
        env={**os.environ, SWITCH: "1", "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    assert process.wait(timeout=240) == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while _lives(process.pid):
        assert time.monotonic() < deadline, "a process of the training lives on"
        time.sleep(0.05)
    (run,) = runs_in(folder)
    return run


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ten_kills_end_in_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = train(tmp_path / "whole")
    moments = random.Random(0)
    for number in range(10):
        step = moments.randrange(STEPS - 6)  # every kill comes before the end
        run = killed(tmp_path / f"killed{number}", step, moments.uniform(0, 0.15))
        assert call("train", f"resume={run}") == 0
        assert_same_end(whole, run)
    assert "finished already" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [("trainer.devices=2",), ("data.workers=2",)])
def test_kills_of_several_processes(words: tuple[str, ...], tmp_path: Path) -> None:
    words = (*words, "data.batch_size=6")
    whole = train(tmp_path / "whole", *words)
    run = killed(tmp_path / "killed", 12, 0.05, *words)
    assert call("train", f"resume={run}") == 0
    assert_same_end(whole, run)
