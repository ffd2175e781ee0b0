"""`export.py` on a trained run; the script that it writes, run where there is no PyTorch."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.cli.conftest import call
from tests.cli.exported import check_same_mask, run_script, scan
from tests.conftest import Refusal
from tests.inference.make_run import threshold_run

VOLUMES = {"spacing": [1.5, 2.0, 1.1], "patch_size": [16, 8, 8]}


@pytest.mark.parametrize(("dims", "options"), [(2, {}), pytest.param(3, VOLUMES, marks=pytest.mark.slow)])
def test_export_and_the_script_without_pytorch(dims: int, options: dict[str, Any], tmp_path: Path) -> None:
    run = threshold_run(tmp_path / "run", dims, classes=2, **options)
    assert call("export", f"run={run}", f"output={tmp_path / 'model'}", "overlap=0.25") == 0
    text = (tmp_path / "model" / "preprocessing.json").read_text()
    facts = json.loads(text)
    assert facts["trained"]["model"] == "threshold"
    assert facts["label_values"] == {"one": 1, "two": 2}
    assert facts["dynamic_size"]
    assert facts["dynamic_batch"]
    assert str(tmp_path) not in text
    assert check_same_mask(run, tmp_path / "model", tmp_path, overlap=0.25) == 3

    wrong = run_script(tmp_path / "model", scan(tmp_path / "new"), scan(tmp_path / "new"), tmp_path / "no.nii.gz")
    assert wrong.returncode == 1
    assert wrong.stderr == "error: 2 images for 1 channels: give channel 0, in this order\n"


def test_regions_get_a_file_each_beside_the_run(tmp_path: Path) -> None:
    run = threshold_run(tmp_path / "run", 2, classes=2, channels=2, overlapping=True)
    assert call("export", f"run={run}") == 0
    image = scan(tmp_path / "new")
    done = run_script(run / "export", image, image, tmp_path / "mask.nii.gz")
    files = [tmp_path / "mask_one.nii.gz", tmp_path / "mask_two.nii.gz"]
    assert done.stdout.split() == [str(file) for file in files]
    one, two = (np.asarray(nib.load(file).dataobj) for file in files)
    assert 0 < two.sum() < one.sum()
    assert one[two > 0].all()


def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path, refusal: Refusal) -> None:
    for words, code, said in (
        ((f"run={tmp_path}",), 1, "no run folder"),
        ((), 2, "run has no value"),
        ((f"run={tmp_path}", "checkpoint=first"), 2, "checkpoint=first: choose last or best"),
        ((f"run={tmp_path}", "overlap=1"), 2, "overlap=1: must be at least 0 and below 1"),
    ):
        assert call("export", *words, f"output={tmp_path / 'model'}") == code
        refusal(said)
    assert not (tmp_path / "model").exists()
