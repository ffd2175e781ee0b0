"""Real trainings to known scores, on real scans."""

import json
from pathlib import Path

import pandas as pd
import pytest

from llmseg.runs import collect
from tests.cli.conftest import call, runs_in

pytestmark = pytest.mark.slow


def test_a_narrow_3d_unet_reaches_the_known_dice_and_a_2d_one_gives_the_same_table(
    sample_data: Path, tmp_path: Path
) -> None:
    """1,200 steps of batch 4 with a first width of 16 are known to reach a mean Dice of .86 over both parts."""
    shared = (
        "data=hippocampus", f"data.root={sample_data / 'Dataset104_Hippocampus'}", "model=unet", "model.width=16",
        "logger=csv", f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}",
        "trainer.accelerator=cpu", "trainer.precision=bf16-mixed", "trainer.enable_progress_bar=false",
    )  # fmt: skip
    three_d = ("experiment=hippocampus_3d",)
    two_d = ("name=2d", "trainer.max_epochs=2", "data.batch_size=16")
    for words in (three_d, two_d):
        assert call("train", *shared, *words) == 0
    volumes, slices = (run for run in reversed(runs_in(tmp_path / "runs")))
    assert json.loads((volumes / "summary.json").read_text())["mean"]["dice"] >= 0.86
    tables = [pd.read_csv(run / "cases.csv") for run in (volumes, slices)]
    assert list(tables[0]) == list(tables[1])
    assert tables[0][["case", "class"]].equals(tables[1][["case", "class"]])
    frame = collect(tmp_path / "runs")
    assert set(frame["config.model.spatial_dims"]) == {2, 3}
