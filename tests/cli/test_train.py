"""Training and scoring from the command line, in this process, on real scans."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from llmseg.data.readers import mni152
from llmseg.evaluation.llm_dice import LLM_DICE
from llmseg.evaluation.metrics import LEGACY_METRICS, METRICS
from llmseg.runs import collect, load
from tests.cli.conftest import Command, call, group, runs_in
from tests.data.make import nnunet_folder, noise, write_scan

CONF = Path(__file__).parents[2] / "conf"


def only_run(folder: Path) -> Path:
    """The one run below `folder`."""
    (run,) = runs_in(folder)
    return run


def test_a_run_leaves_everything_that_it_promises(train: Command, tmp_path: Path) -> None:
    assert train("logger=wandb", "trainer.max_epochs=2") == 0
    run = only_run(tmp_path / "runs")
    assert run.parent.name == "mni152_unet"
    names = {path.name for path in run.iterdir()}
    assert names == {
        "config.yaml", "environment.json", "split.json", "checkpoints", "metrics.csv", "cases.csv", "summary.json",
        "figures", "console.log", "wandb", "wandb_id", "status.json", "case_names.json",
    }  # fmt: skip
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    assert (run / "figures" / "cases.png").read_bytes()[:4] == b"\x89PNG"
    assert list((run / "wandb").glob("offline-run-*/run-*.wandb"))
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "home", "wandb-home"}

    cases = pd.read_csv(run / "cases.csv")
    assert cases["case"].tolist() == ["slab_3", "slab_6"]
    formulas = [formula.column for formula in LLM_DICE]
    assert {"group", "class", "empty", *METRICS, *LEGACY_METRICS, *formulas, "dice_best_on_validation"} <= set(cases)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["mean"]["dice"] == pytest.approx(cases["dice"].mean(), abs=1e-6)
    assert summary["checkpoint"] == "last"
    assert summary["classes"]["grey_matter"]["dice"]["interval"] is None
    assert summary["best_on_validation"]["mean"]["dice"] == pytest.approx(
        cases["dice_best_on_validation"].mean(), abs=1e-6
    )
    assert summary["cost"]["parameters"] == sum(p.numel() for p in load(run).net.parameters())
    assert summary["reference"]["mean"]["dice"] > 0.95
    log = (run / "console.log").read_text()
    assert all(text in log for text in ("demo, not evidence", "two intensity thresholds", "n too small"))
    metrics = pd.read_csv(run / "metrics.csv")
    assert len(metrics["val/dice"].dropna()) == 2
    assert metrics["train/loss_epoch"].dropna().is_monotonic_decreasing


def test_the_checkpoint_carries_plain_containers_only(train: Command, tmp_path: Path) -> None:
    assert train() == 0
    run = only_run(tmp_path / "runs")
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert content["llmseg"] == config
    assert config["choices"]["model"] == "unet"
    assert "${" not in (run / "config.yaml").read_text()


def test_the_same_seed_gives_the_same_scores_and_another_seed_does_not(train: Command, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert train(f"name={name}", f"seed={seed}") == 0
    first, second, third = (only_run(tmp_path / "runs" / name) / "cases.csv" for name in "abc")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != third.read_bytes()


def test_evaluating_a_run_repeats_its_scores(train: Command, tmp_path: Path) -> None:
    assert train() == 0
    run = only_run(tmp_path / "runs")
    assert call("evaluate", f"run={run}", f"paths.cache={tmp_path / 'another'}") == 0
    again = run / "evaluations" / "mni152-test"
    assert (again / "cases.csv").read_bytes() == (run / "cases.csv").read_bytes()
    before, after = (json.loads((folder / "summary.json").read_text()) for folder in (run, again))
    for summary in (before, after):
        del summary["cost"]
    assert before == after
    assert call("evaluate", f"run={run}", "part=all", f"output={tmp_path / 'all'}") == 0
    assert len(pd.read_csv(tmp_path / "all" / "cases.csv")) == mni152.SLABS


def test_another_data_set_is_preprocessed_as_the_network_was_trained(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = nnunet_folder(tmp_path / "small", [f"case{n}" for n in range(5)])
    other = nnunet_folder(tmp_path / "other", [f"patient{n}" for n in range(4)])
    words = ("data=nnunet", "data.image_size=16", "model.depth=1", "data.intensity=minmax")
    assert train(*words, f"data.root={small}") == 0
    run = only_run(tmp_path / "runs")
    target = tmp_path / "result"
    words = (f"run={run}", f"output={target}", "part=all", f"paths.cache={tmp_path / 'cache'}")
    assert call("evaluate", "data=nnunet", f"data.root={other}", *words) == 0
    assert pd.read_csv(target / "cases.csv")["case"].unique().tolist() == [f"patient{n}" for n in range(4)]
    image = np.load(next((tmp_path / "cache").glob("patient0-*/image.npy")))
    assert image.shape[2:] == (16, 16)
    assert (image.min(), image.max()) == pytest.approx((0, 1), abs=0.2)
    capsys.readouterr()
    assert call("evaluate", "data=mni152", *words) == 2
    assert capsys.readouterr().err.startswith("error: data.classes=['grey_matter']: the run's network segments")


@pytest.mark.parametrize("name", ["loss", "optimizer", "scheduler", "logger"])
def test_every_choice_trains(train: Command, tmp_path: Path, name: str) -> None:
    for choice in group(name):
        if choice == "paged_adamw_8bit":  # of a package for CUDA
            continue
        words = (f"{name}={choice}", f"name={choice}", "trainer.limit_train_batches=1", "evaluate=false")
        assert train(*words) == 0, choice
        assert (only_run(tmp_path / "runs" / choice) / "checkpoints" / "last.ckpt").exists()


@pytest.mark.parametrize("choice", group("debug"))
def test_every_debug_choice_trains(train: Command, choice: str) -> None:
    assert train(f"debug={choice}", "trainer.max_epochs=1", "data.batch_size=4") == 0


@pytest.mark.parametrize(
    ("classes", "logits"), [(["grey_matter"], 1), (["grey_matter", "white_matter"], 3), (["white_matter"], 1)]
)
@pytest.mark.parametrize("dims", [2, 3])
def test_one_and_several_classes_in_two_and_three_dimensions(
    train: Command, tmp_path: Path, classes: list[str], logits: int, dims: int
) -> None:
    words = (f"data.classes=[{','.join(classes)}]", f"model.spatial_dims={dims}", "data.patch_size=[32,32,8]")
    assert train(*words, "trainer.limit_train_batches=1", "evaluation.figures=false", "data.spacing=[4,4,2]") == 0
    run = only_run(tmp_path / "runs")
    assert load(run).config["model"]["out_channels"] == logits
    assert pd.read_csv(run / "cases.csv")["class"].unique().tolist() == classes


@pytest.mark.parametrize("precision", ["bf16-mixed", pytest.param("16-mixed", marks=pytest.mark.slow)])
def test_lower_precision_scores_like_full_precision(train: Command, tmp_path: Path, precision: str) -> None:
    for name in ("32", precision):
        assert train(f"name={name}", f"trainer.precision={name}", "evaluation.figures=false") == 0
    frame = collect(tmp_path / "runs")
    assert frame["config.trainer.precision"].tolist() == sorted(["32", precision])
    assert frame["summary.mean.dice"].max() - frame["summary.mean.dice"].min() < 0.05


@pytest.mark.slow
def test_overlapping_regions_of_brats(train: Command, sample_data: Path, tmp_path: Path) -> None:
    regions = ["whole_tumour", "tumour_core", "enhancing_tumour"]
    words = ("data=brats", f"data.root={sample_data / 'BraTS'}", "data.modalities=[flair,t1ce]", "data.batch_size=64")
    assert train(*words, f"data.classes=[{','.join(regions)}]", "trainer.limit_train_batches=2") == 0
    run = only_run(tmp_path / "runs")
    trained = load(run)
    assert (trained.config["model"]["in_channels"], trained.config["model"]["out_channels"]) == (2, 3)
    assert pd.read_csv(run / "cases.csv")["class"].tolist() == regions


def test_classes_and_channels_come_from_dataset_json(train: Command, tmp_path: Path) -> None:
    root = nnunet_folder(tmp_path / "own", [f"case{n}" for n in range(5)], channels=2)
    assert train("data=nnunet", f"data.root={root}", "data.image_size=16", "model.depth=1") == 0
    config = load(only_run(tmp_path / "runs")).config
    assert (config["data"]["channels"], config["data"]["classes"]) == (2, ["one", "two"])
    assert config["model"]["in_channels"] == 2
    assert config["model"]["out_channels"] == 3


def test_training_without_validation_cases(train: Command, tmp_path: Path) -> None:
    assert train("data.split.val=0") == 0
    run = only_run(tmp_path / "runs")
    assert json.loads((run / "split.json").read_text())["val"] == []
    assert "dice_best_on_validation" not in pd.read_csv(run / "cases.csv")


def test_labelled_takes_the_first_cases_of_the_list(train: Command, tmp_path: Path) -> None:
    assert train("data.labelled=2", "evaluate=false") == 0
    split = json.loads((only_run(tmp_path / "runs") / "split.json").read_text())
    assert len(split["train"]) == 2


def test_a_sweep_makes_one_run_for_each_combination_and_compare_reads_them(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("-m", "seed=0,1", "loss=bce,dice") == 0
    frame = collect(tmp_path / "runs")
    assert sorted(zip(frame["config.seed"], frame["config.choices.loss"], strict=True)) == [
        (0, "bce"), (0, "dice"), (1, "bce"), (1, "dice"),
    ]  # fmt: skip
    assert not (tmp_path / "multirun.yaml").exists()
    capsys.readouterr()
    assert call("compare", f"run={tmp_path / 'runs'}") == 0
    printed = capsys.readouterr().out
    assert "demo, not evidence" in printed
    assert "two intensity thresholds" in printed
    assert printed.index("seed=") < printed.index("two intensity thresholds")
    table = pd.read_csv(tmp_path / "runs" / "comparison.csv")
    assert table["summary.mean.dice"].is_monotonic_decreasing
    assert (tmp_path / "runs" / "comparison.png").read_bytes()[:4] == b"\x89PNG"


def test_one_bad_job_does_not_end_a_sweep(train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("-m", "data.image_size=30,32", "evaluate=false") == 1
    assert "multiple of 4" in capsys.readouterr().err
    assert len(runs_in(tmp_path / "runs")) == 1


def test_a_changed_scan_is_not_served_from_the_cache(train: Command, tmp_path: Path) -> None:
    root = nnunet_folder(tmp_path / "own", [f"case{n}" for n in range(5)])
    words = ("data=nnunet", f"data.root={root}", "data.image_size=16", "model.depth=1")
    assert train(*words, "name=before") == 0
    for path in (root / "imagesTr").iterdir():
        write_scan(path, noise(77))
    assert train(*words, "name=after") == 0
    before, after = (only_run(tmp_path / "runs" / name) / "metrics.csv" for name in ("before", "after"))
    assert before.read_text() != after.read_text()


@pytest.mark.slow
def test_two_processes_share_a_training(train: Command, tmp_path: Path) -> None:
    assert train("trainer.devices=2", "data.batch_size=6") == 0
    run = only_run(tmp_path / "runs")
    assert {"summary.json", "cases.csv"} <= {path.name for path in run.iterdir()}
    steps = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert steps == 5 * 12 // (2 * 6)
