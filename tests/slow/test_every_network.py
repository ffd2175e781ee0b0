"""Every network trains, is scored, read again and exported, in 2D and 3D; on two processes as well."""

import json
from pathlib import Path

import pandas as pd
import pytest

from llmseg.runs import load
from tests.cli.conftest import call, runs_in
from tests.cli.exported import check_same_mask

pytestmark = pytest.mark.slow
FILES = (Path(__file__).parents[2] / "conf" / "model").glob("*.yaml")
MODELS = sorted(file.stem for file in FILES if file.stem != "generated")  # needs a file: tests/models/test_generated.py


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("model", MODELS)
def test_every_network_runs_the_whole_way(model: str, dims: int, tmp_path: Path, sample_cache: Path) -> None:
    if (model, dims) in (("vnet", 2), ("resnet34_vnet", 2), ("smp", 3)):
        pytest.skip(f"{model} has no {dims}D network")
    patch = 64 if model == "swin_unetr" else 32  # it halves its input five times
    words = (
        f"model={model}", f"model.spatial_dims={dims}", f"data.image_size={patch}",
        f"data.patch_size=[{patch},{patch},{patch}]",
        "data.batch_size=2", *(["data.spacing=[8,8,8]"] if dims == 3 else []), "trainer.limit_train_batches=1",
        "optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false",
        "optimizer.lr=0.0001",  # the deepest features of two small slices vary so little that larger steps explode
        "trainer.max_epochs=1", "trainer.limit_val_batches=0", "evaluation.checkpoints=[last]", "logger=csv",
        "trainer.accelerator=cpu", "trainer.precision=32", "data.labelled=1", "trainer.enable_progress_bar=false",
        f"paths.runs={tmp_path / 'runs'}", f"paths.cache={sample_cache}",
    )  # fmt: skip
    assert call("train", *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    assert len(pd.read_csv(run / "cases.csv")) == 2
    assert load(run).config["choices"]["model"] == model

    assert call("export", f"run={run}", f"output={tmp_path / 'model'}") == 0
    facts = json.loads((tmp_path / "model" / "preprocessing.json").read_text())
    assert facts["dynamic_size"] == (model not in ("swin_unetr", "unetr")), facts["note"]
    assert facts["dynamic_batch"], facts["note"]
    check_same_mask(run, tmp_path / "model", tmp_path, rounding=1e-4)  # after one step a network is hardly decided


def test_two_processes_on_brats(sample_data: Path, tmp_path: Path) -> None:
    words = (
        "model=llama31", "data=brats", f"data.root={sample_data / 'BraTS'}", "data.modalities=[flair]",
        "data.image_size=64", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=1",
        f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}",
    )  # fmt: skip
    assert call("train", *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    assert {"summary.json", "cases.csv"} <= {path.name for path in run.iterdir()}


def test_a_sweep_of_trainings_on_two_processes(tmp_path: Path, sample_cache: Path) -> None:
    words = (
        "-m", "model=unet", "model.width=4", "model.depth=2", "data.image_size=32", "loss=bce,dice", "logger=csv",
        "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=1",
        f"paths.runs={tmp_path / 'runs'}", f"paths.cache={sample_cache}",
    )  # fmt: skip
    assert call("train", *words) == 0
    runs = runs_in(tmp_path / "runs")
    assert sorted(load(run).config["choices"]["loss"] for run in runs) == ["bce", "dice"]
