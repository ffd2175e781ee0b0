"""Training on volumes that are not NIfTI, from the command line."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from llmseg.runs import load
from tests.cli.conftest import Command, runs_in
from tests.conftest import Refusal
from tests.data import make_volumes as make
from tests.data.make import write_scan

ROOTS: dict[str, Callable[[Path], Path]] = {
    "la_raw": make.la_raw,
    "la_h5": make.la_h5,
    "pancreas": make.pancreas,
    "pancreas_a": partial(make.pancreas_h5, protocol="a"),
    "pancreas_b": partial(make.pancreas_h5, protocol="b"),
    "brats19": make.brats19_h5,
}
SMALL = ("model.depth=1", "data.image_size=16", "data.patch_size=[16,16,8]", "evaluation.figures=false")


@pytest.mark.parametrize(
    ("name", "dims"),
    [
        ("la_raw", 2),
        ("la_h5", 3),
        ("pancreas", 2),
        ("pancreas", 3),
        ("pancreas_a", 3),
        ("pancreas_b", 2),
        ("brats19", 3),
    ],
)
def test_every_data_set_trains_and_is_scored(train: Command, tmp_path: Path, name: str, dims: int) -> None:
    root = ROOTS[name](tmp_path / "data")
    words = (f"data={name}", f"data.root={root}", f"model.spatial_dims={dims}", "data.split.val=0.4")
    assert train(*words, *SMALL, "data.batch_size=4") == 0
    (run,) = runs_in(tmp_path / "runs")
    config = load(run).config["data"]
    split = json.loads((run / "split.json").read_text())
    cases = pd.read_csv(run / "cases.csv", dtype={"case": str})
    assert cases["case"].tolist() == split["test"]
    assert cases["class"].unique().tolist() == config["classes"]
    assert cases["dice"].between(0, 1).all()
    assert config["name"] == name  # protocols are told apart by it


def test_the_fields_protocol_trains_on_the_first_lines(train: Command, tmp_path: Path) -> None:
    root = make.la_h5(tmp_path / "data")
    words = ("data=la_h5", f"data.root={root}", "data.split.val=0", "data.labelled=2", "data.batch_size=4")
    assert train(*words, *SMALL, "evaluation.checkpoints=[last]") == 0
    (run,) = runs_in(tmp_path / "runs")
    split = json.loads((run / "split.json").read_text())
    first, second, third, *test = make.LA_IDS
    assert split == {"train": [first, second], "val": [], "test": test, "unlabelled": [third]}


def test_a_label_that_lies_off_its_scan_stops_before_training(train: Command, tmp_path: Path, refusal: Refusal) -> None:
    root = make.pancreas(tmp_path / "data")
    organ = make.ball(centre=(12, 3, 12), radius=2.5)
    label = write_scan(root / "TCIA_pancreas_labels-02-05-2017" / "label0003.nii.gz", organ)
    assert train("data=pancreas", f"data.root={root}", *SMALL) == 1
    refusal(label, "soft tissue")
    assert not list((tmp_path / "runs").rglob("*.ckpt"))
