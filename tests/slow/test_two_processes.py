"""Semi-supervised methods in two processes: each has its share of both streams, and both end with the same networks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import runs_in
from tests.cli.test_semi_supervised import METHODS, SMALL, root

__all__ = ["root"]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_networks_and_teachers_are_equal_and_streams_are_shared(method: str, root: Path, tmp_path: Path) -> None:
    words = [
        *SMALL,
        f"method={method}",
        *(["knowledge=none"] if method == "llm_segnet" else []),
        f"data.root={root}",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
        "trainer.precision=32",
        "trainer.max_steps=4",
        "data.batch_size=1",
        "data.patch_size=[32,16,16]",  # batch norm wants two values at the deepest level
        "trainer.enable_progress_bar=false",
        "logger=csv",
        "+callbacks.spy._target_=tests.slow.spy.Spy",
        f"paths.runs={tmp_path / 'runs'}",
        f"paths.cache={tmp_path / 'cache'}",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "train.py", *words],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = runs_in(tmp_path / "runs")
    first, second = (torch.load(run / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    # running statistics of networks that are trained are each process' own until the next forward pass
    own = ("running_mean", "running_var", "num_batches_tracked")
    shared = [key for key in first["state"] if key.startswith("teacher.") or not key.endswith(own)]
    assert any("teacher" in key and "running" in key for key in shared) == (method in ("mean_teacher", "ua_mt", "bcp"))
    for key in shared:
        assert torch.equal(first["state"][key], second["state"][key]), key
    assert len(first["seen"]) == len(second["seen"]) == 4
    assert not set(first["seen"]) & set(second["seen"])
    assert (run / "summary.json").is_file()
