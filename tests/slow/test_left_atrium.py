"""The semi-supervised field's patch and network on real left atria."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import call, runs_in

pytestmark = pytest.mark.slow


def test_the_fields_patch_and_network_run_a_few_steps(sample_data: Path, tmp_path: Path) -> None:
    """V-Net of width 16 and its twin, 112x112x80, 8 labelled and 32 unlabelled cases; two steps give no score."""
    words = (
        "method=llm_segnet",
        "knowledge=left_atrium/hand_written",
        "data=la",
        f"data.root={sample_data / 'Dataset101_LeftAtrium'}",
        "data.labelled=8",
        "data.batch_size=1",
        "loss=dice_ce",
        "optimizer=sgd",
        "trainer.max_steps=2",
        "trainer.accelerator=cpu",
        "trainer.precision=bf16-mixed",
        "trainer.enable_progress_bar=false",
        "trainer.log_every_n_steps=1",
        "logger=csv",
        "evaluate=false",
        f"paths.runs={tmp_path / 'runs'}",
        f"paths.cache={tmp_path / 'cache'}",
    )
    assert call("train", *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    split = json.loads((run / "split.json").read_text())
    assert {part: len(ids) for part, ids in split.items()} == {"train": 8, "val": 0, "test": 20, "unlabelled": 32}
    losses = pd.read_csv(run / "metrics.csv")["train/loss"].dropna()
    assert len(losses) == 2
    assert np.isfinite(losses).all()
