"""Stopping a training from outside."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from llmseg.runs import collect, load
from tests.cli.conftest import TINY, call, runs_in

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def _kill_group(group: int) -> None:
    """Leave nothing behind where the test has failed."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _heed_interrupts() -> None:
    """A shell lets what it starts in the background ignore them, and a child would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
@pytest.mark.parametrize("devices", [1, 2])
def test_a_stopped_training_leaves_nothing_half_written(
    number: signal.Signals, code: int, devices: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    words = [*TINY, "trainer.max_epochs=10000", f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}"]
    process = subprocess.Popen(
        [sys.executable, ROOT / "train.py", *words, f"trainer.devices={devices}"], stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, start_new_session=True, preexec_fn=_heed_interrupts,
    )  # fmt: skip
    request.addfinalizer(lambda: _kill_group(process.pid))
    deadline = time.monotonic() + 120
    while not list((tmp_path / "runs").rglob("last.ckpt")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "Traceback" not in error
    (run,) = runs_in(tmp_path / "runs")
    assert load(run).net is not None
    assert collect(tmp_path / "runs").empty
    assert not list((tmp_path / "cache").glob(".*"))
    assert call("evaluate", f"run={run}", f"output={tmp_path / 'result'}", f"paths.cache={tmp_path / 'cache'}") == 0
    time.sleep(2)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # no process of the group is left
