"""`train.py method=grounding`, from training to tables and predictions, on a tiny language model."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest
import torch
import yaml

from tests.cli.conftest import call, group, runs_in
from tests.conftest import Refusal
from tests.data.boxes.slices import data_root
from tests.data.make import brats_case
from tests.language.make_lm import tiny_lm

Ground = Callable[..., int]
COMMON = (
    "method=grounding",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.precision=32",
    "trainer.enable_progress_bar=false",
    "logger=csv",
)
TINY = (
    *COMMON,
    "vlm.vision={name:resnet18,depth:3,weights:null,run:null}",
    "vlm.image_size=32",
    "vlm.max_new_tokens=20",
    "peft.rank=2",
    "trainer.max_epochs=2",
)


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """`train.py` with TINY and the words given, on twelve slices of six patients, into `tmp_path/runs`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("CACHE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb-home"))
    tiny_lm(tmp_path / "lm")
    data_root(tmp_path / "boxes")

    def run(*words: object) -> int:
        where = (f"data.root={tmp_path / 'boxes'}", f"vlm.lm={tmp_path / 'lm'}", f"paths.runs={tmp_path / 'runs'}")
        return call("train", *TINY, *where, *words)

    return run


def test_a_run_has_boxes_scores_controls_and_a_small_checkpoint(
    ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ground("logger=wandb", "data.split.leave_out=BraTS-GLI-00002") == 0
    (run,) = runs_in(tmp_path / "runs")
    assert b"BraTS-GLI-00002" not in next(run.rglob("run-*.wandb")).read_bytes()
    assert run.parent.name == "boxes_compact"
    assert "compact on boxes (t2f, t2w, t1n, t1c): 4 train, 1 val, 1 test cases" in capsys.readouterr().out
    rows = pd.read_csv(run / "boxes.csv")
    methods = {"compact", "centre", "mean", "bright_flair"}
    less = {f"compact without {name}" for name in ("t2f", "t2w", "t1n", "t1c")}
    alone = {f"compact, {name} alone" for name in ("t2f", "t2w", "t1n", "t1c")}
    assert set(rows["method"]) == methods | less | alone
    assert (rows.groupby("method").size() == 2).all()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["methods"]["mean"]["mean"]["iou"] == pytest.approx(rows[rows["method"] == "mean"]["iou"].mean())
    assert summary["note"] == "n too small"
    assert (run / "figures" / "boxes.png").is_file()
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert any("lora_A" in name for name in state)
    assert not any("embed_tokens" in name for name in state)
    columns = pd.read_csv(run / "metrics.csv").columns
    assert {"train/loss_epoch", "val/loss", "val/iou"} <= set(columns)


@pytest.mark.slow
def test_resumed_training_is_the_uninterrupted_one(ground: Ground, tmp_path: Path) -> None:
    words = ("evaluate=false", "method.drop_sequences=0.3", "data.augment.gamma=0.2")
    assert ground(*words, "trainer.max_epochs=3") == 0
    (whole,) = runs_in(tmp_path / "runs")
    assert ground(*words, "trainer.max_epochs=3", "name=again", "save_every_n_steps=1", "+trainer.max_time=null") == 0
    (again,) = runs_in(tmp_path / "runs" / "again")
    assert ground(*words, "trainer.max_epochs=1", "name=half") == 0
    (half,) = runs_in(tmp_path / "runs" / "half")
    assert call("train", f"resume={half}", "trainer.max_epochs=3", "evaluation.ablate=false") == 0
    states = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (whole, again, half)]
    first, second, third = (each["state_dict"] for each in states)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert states[2]["epoch"] == states[0]["epoch"]
    assert first.keys() == third.keys()


@pytest.mark.slow
def test_folds_are_pooled_in_one_table(ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = (f"data.root={tmp_path / 'boxes'}", f"paths.runs={tmp_path / 'runs'}")
    for patient in ("BraTS-GLI-00000", "BraTS-GLI-00001"):
        leave = (f"data.split.leave_out={patient}", "data.split.val=0")
        words = ("vlm=regression", "vlm.image_size=32", "trainer.max_epochs=1", "evaluation.ablate=false")
        assert call("train", *leave, *words, *COMMON, *where) == 0
    capsys.readouterr()
    assert call("compare", f"run={tmp_path / 'runs'}") == 0
    assert "regression" in capsys.readouterr().out
    pooled = json.loads((tmp_path / "runs" / "boxes.json").read_text())
    assert pooled["methods"]["regression"]["patients"] == 2
    assert set(pooled["methods"]["centre"]["per_patient"]) == {"BraTS-GLI-00000", "BraTS-GLI-00001"}
    assert (tmp_path / "runs" / "boxes.png").is_file()


def test_boxes_of_new_scans_and_their_pictures(ground: Ground, tmp_path: Path) -> None:
    assert ground("trainer.max_epochs=1", "evaluate=false") == 0
    (run,) = runs_in(tmp_path / "runs")
    case = brats_case(tmp_path / "new" / "BraTS-GLI-00009-000", ("t2f", "t1c"))
    output = tmp_path / "out" / "found.jsonl"
    assert call("predict", f"run={run}", f"input={case}", f"output={output}", "slices=2", "accelerator=cpu") == 0
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["sequences"] for line in lines] == [["t2f", "t1c"]] * 2
    assert {line["plane"] for line in lines} == {"sagittal"}
    assert len(list((tmp_path / "out" / "found").glob("*.png"))) == 2
    data = tmp_path / "boxes"
    assert call("predict", f"run={run}", f"input={data}", f"output={output}", "accelerator=cpu") == 0
    assert len(output.read_text().splitlines()) == 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.sequences=[flair]",), "data.sequences"),
        (("evaluation.controls=[center]",), "no control 'center'"),
        (("vlm.prompt=where?",), "no place for the images"),
        (("vlm.lm=nowhere/at-all-of-us",), "vlm.lm=nowhere/at-all-of-us"),
        (("vlm.vision.run=nothing",), "no finished segmentation run"),
        (("evaluation.batch_size=0",), "evaluation.batch_size=0"),
        (("data.plane=axial",), "data.plane=axial: the slices are sagittal"),
        (("task=masks",), "task=masks"),
        (("data.split.leave_out=[]",), "name a patient"),
        (("vlm=compackt",), "vlm=compackt: no such choice, did you mean compact?"),
        (("model=gpt4",), "model"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: tuple[str, ...], message: str, ground: Ground, tmp_path: Path, refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert ground(*words) != 0
    refusal(message)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("choice", group("debug"))
def test_every_debug_choice_trains(ground: Ground, choice: str) -> None:
    words = ("trainer.max_epochs=1", "evaluation.ablate=false", "evaluation.figures=false")
    assert ground(f"debug={choice}", *words) == 0


def test_other_commands_say_that_it_is_a_run_of_boxes(
    ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ground("trainer.max_epochs=1", "evaluate=false") == 0
    (run,) = runs_in(tmp_path / "runs")
    capsys.readouterr()
    assert call("evaluate", f"run={run}") == 2
    assert "a run of boxes" in capsys.readouterr().err
    assert call("predict", f"run=[{run},{run}]", "input=a.nii.gz", "output=masks") == 2
    assert "a run of boxes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": ["BraTS-GLI-00003-001"], "val": [], "test": ["BraTS-GLI-00003-000"]}, "was trained on"),
        ({"train": ["other"], "val": [], "test": ["another"]}, "does not test BraTS-GLI-00003-000"),
    ],
)
def test_an_eye_that_is_unfair_to_the_test_patients_is_refused(
    split: dict[str, list[str]], message: str, ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "eyes" / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").touch()
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": {}}))
    (folder / "split.json").write_text(json.dumps(split))
    words = ("data.split.leave_out=BraTS-GLI-00003", f"vlm.vision.run={tmp_path / 'eyes'}")
    assert ground(*words) == 2
    assert "no finished segmentation run" in capsys.readouterr().err
    (folder / "summary.json").write_text("{}")
    assert ground(*words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_data_may_move(ground: Ground, tmp_path: Path) -> None:
    """Paths in summary.jsonl are relative to it."""
    copytree(tmp_path / "boxes", tmp_path / "elsewhere")
    assert ground("trainer.fast_dev_run=true", f"data.root={tmp_path / 'elsewhere'}") == 0
