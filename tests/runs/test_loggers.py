"""What loggers are given: the same names everywhere, all of it in the run folder, and nothing private in W&B."""

import json
from pathlib import Path
from typing import Any

import matplotlib.image as mpimg
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from llmseg.runs.loggers import WANDB_ID, wandb
from llmseg.runs.privacy import public
from tests.cli.conftest import Command, call, runs_in
from tests.cli.conftest import train as train
from tests.data.make import nnunet_folder
from tests.runs import wandb_file

DOCS = Path(__file__).parents[2] / "docs"
PATIENTS = [f"Mustermann_Max_{n}" for n in range(6)]
WORDS = (
    "data=nnunet", "data.image_size=16", "model.depth=1", "trainer.max_epochs=2", "callbacks.overlays.every_n_epochs=1",
    "callbacks.overlays.cases=2", "data.split.val=0.5", "trainer.log_every_n_steps=1",
)  # fmt: skip


@pytest.fixture
def run_of(train: Command, tmp_path: Path) -> Any:
    """Trains on scans of patients with names, with a logger; the run's folder."""
    root = nnunet_folder(tmp_path / "Private Folder" / "scans", PATIENTS)

    def made(logger: str, *words: str) -> Path:
        assert train(*WORDS, f"data.root='{root}'", f"logger={logger}", f"name={logger}", *words) == 0
        (run,) = runs_in(tmp_path / "runs" / logger)
        return run

    return made


def test_an_offline_run_holds_config_curves_masks_and_cases_for_a_later_sync(run_of: Any) -> None:
    run = run_of("wandb", "logger.artifacts=true")
    (file,) = run.rglob("run-*.wandb")
    config = yaml.safe_load((run / "config.yaml").read_text())
    sent = wandb_file.config(file)
    for key in ("model", "loss", "optimizer", "scheduler", "trainer", "seed", "choices"):
        assert sent[key] == config[key]
    assert sent["code"]["torch"] == torch.__version__.partition("+")[0]
    assert set(sent["code"]) >= {"git", "python", "llmseg"}

    rows = wandb_file.history(file)
    metrics = pd.read_csv(run / "metrics.csv")
    dice = [row["val/dice"] for row in rows if "val/dice" in row]
    assert dice == pytest.approx(metrics["val/dice"].dropna().tolist())

    pictures = [row for row in rows if "val/overlays.filenames" in row]
    assert len(pictures) == 2
    captions = [row["val/overlays.captions"] for row in pictures]
    assert captions[0] == captions[1]  # the same cases each time
    mask = pictures[0]["val/overlays.all_masks"][0]["label"]["path"]
    values = mpimg.imread(file.parent / "files" / mask)
    assert set(np.unique((values * 255).round())) <= {0, 1, 2}
    assert values.any()

    (table,) = file.parent.rglob("*.table.json")
    content = json.loads(table.read_text())
    cases = pd.read_csv(run / "cases.csv")
    assert len(content["data"]) == len(cases)
    at = content["columns"].index("dice")
    assert [row[at] for row in content["data"]] == pytest.approx(cases["dice"].tolist())
    artifacts = {record.artifact.type for record in wandb_file.records(file) if record.HasField("artifact")}
    assert artifacts == {"run_table", "model"}


def test_no_names_of_patients_and_no_folders_are_sent(run_of: Any, tmp_path: Path) -> None:
    run = run_of("wandb")
    names = json.loads((run / "case_names.json").read_text())
    assert sorted(names.values()) == PATIENTS
    assert list(names)[:2] == ["case 1", "case 2"]
    (file,) = run.rglob("run-*.wandb")
    sent = [path for path in file.parent.rglob("*") if path.is_file() and "logs" not in path.parts]
    content = b"".join(path.read_bytes() for path in sent)
    assert b"val/overlays" in content
    for private in ("Mustermann", "Private Folder", str(tmp_path / "runs")):
        assert private.encode() not in content, private
    assert str(tmp_path) not in json.dumps([wandb_file.config(file), wandb_file.history(file)])


def test_tensorboard_csv_and_wandb_have_the_same_names(run_of: Any) -> None:
    runs = {name: run_of(name) for name in ("tensorboard", "wandb")}
    columns = {name: set(pd.read_csv(run / "metrics.csv")) - {"epoch", "step"} for name, run in runs.items()}
    assert columns["tensorboard"] == columns["wandb"]
    assert {"train/loss", "train/loss_epoch", "val/loss", "val/dice"} <= columns["wandb"]
    (file,) = runs["wandb"].rglob("run-*.wandb")
    keys = {key for row in wandb_file.history(file) for key in row}
    assert {key for key in keys if "." not in key and not key.startswith("_")} == {
        *columns["wandb"], "epoch", "trainer/global_step",
    }  # fmt: skip
    events = EventAccumulator(str(runs["tensorboard"] / "tensorboard")).Reload()
    scalars = {tag for tag in events.Tags()["scalars"] if not tag.startswith("test/")}
    assert scalars == {*columns["tensorboard"], "epoch"}
    assert events.Tags()["images"] == ["val/overlays"]
    pictures = [sorted(path.name for path in (run / "figures" / "epochs").iterdir()) for run in runs.values()]
    assert pictures == [["epoch_0000.png", "epoch_0001.png"]] * 2


def test_pictures_change_nothing(train: Command, tmp_path: Path) -> None:
    for name, words in (("with", ("callbacks.overlays.every_n_epochs=1",)), ("without", ("callbacks.overlays=null",))):
        assert train(f"name={name}", "trainer.max_epochs=2", "evaluate=false", "model.dropout=0.2", *words) == 0
    one, two = (runs_in(tmp_path / "runs" / name)[0] for name in ("with", "without"))
    assert (one / "figures" / "epochs").is_dir()
    assert not (two / "figures").exists()
    states = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (one, two)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_pictures_of_volumes_and_of_several_classes(train: Command, tmp_path: Path) -> None:
    words = ("model.spatial_dims=3", "data.patch_size=[32,32,8]", "data.spacing=[4,4,2]", "evaluate=false")
    classes = "data.classes=[grey_matter,white_matter]"
    assert train(*words, classes, "callbacks.overlays.every_n_epochs=1", "trainer.limit_train_batches=1") == 0
    (run,) = runs_in(tmp_path / "runs")
    assert len(list((run / "figures" / "epochs").glob("*.png"))) == 1


def test_the_id_at_wandb_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    ids = []
    for folder in ("a", "a", "b"):
        (tmp_path / folder).mkdir(exist_ok=True)
        logger: Any = wandb(tmp_path / folder, {"seed": 1})
        ids.append(logger.experiment.id)
        logger.experiment.finish()
    assert ids[0] == ids[1] != ids[2]
    assert (tmp_path / "a" / WANDB_ID).read_text().strip() == ids[0]
    monkeypatch.setenv("WANDB_RUN_ID", "abc")
    monkeypatch.setenv("WANDB_SWEEP_ID", "def")
    (tmp_path / "agent").mkdir()
    logger = wandb(tmp_path / "agent", {})
    logger.experiment.finish()
    assert logger.experiment.id == "abc"  # a sweep agent chose it


def test_the_command_of_a_sweep_agent_is_accepted() -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    sweep = yaml.safe_load((DOCS / "wandb_sweep.yaml").read_text())
    drawn = {
        name: {"value": values.get("value", values.get("values", [values.get("min")])[0])}
        for name, values in sweep["parameters"].items()
    }
    arguments = create_sweep_command_args({"args": drawn})
    command = create_sweep_command(list(sweep["command"]))
    assert command[-1] == "${args_no_hyphens}"
    assert sweep["metric"]["name"] == "val/dice"
    assert call("train", *arguments["args_no_hyphens"], "--cfg", "job") == 0
    assert call("train", "optimizer.lrr=1", "--cfg", "job") == 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/anna/scans/Task04/", "Task04"),
        ("~/scans", "scans"),
        ("C:\\Users\\anna\\scans", "scans"),
        ("sqlite:////home/anna/runs/study.db", "study.db"),
        ("/home/anna maria/data", "data"),
        ("see https://a.org/b/c, and/or runs/a", "see https://a.org/b/c, and/or runs/a"),
        ("torch.optim.Adam", "torch.optim.Adam"),
    ],
)
def test_only_the_last_name_of_a_folder_is_left(text: str, left: str) -> None:
    assert public({"a": [{"b": text}], "paths": {"runs": text}}) == {"a": [{"b": left}]}


def test_neither_passwords_nor_case_names_nor_relative_folders_are_left() -> None:
    config = {
        "sweep": {"storage": "postgresql://user:secret@host/db"},
        "callbacks": {"pruning": {"storage": "postgresql://user:secret@host/db", "warmup": 2}},
        "data": {
            "label_convention": {"mueller_anna": "2015", "schmidt_otto": "2018"},
            "split": {"file": "~mueller/trial/split.json", "seed": 3},
            "reader": {"groups": {"file": "../otto/videos.csv"}},
        },
    }
    assert public(config) == {
        "callbacks": {"pruning": {"warmup": 2}},
        "data": {
            "label_convention": ["2015", "2018"],
            "split": {"file": "split.json", "seed": 3},
            "reader": {"groups": {"file": "videos.csv"}},
        },
    }
