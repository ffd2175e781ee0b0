"""`export.py` on a trained run; the script that it writes, run where there is no PyTorch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from llmseg.cli.trained import data_config
from llmseg.data.cases import Case
from llmseg.data.preprocessing import Recipe, prepare
from llmseg.data.scan import load_scan
from llmseg.inference.predictor import Predictor
from llmseg.runs import load
from tests.cli.conftest import call
from tests.data.make import write_scan
from tests.inference.make_run import blobs, threshold_run

# runs a script as if these packages were not installed
WITHOUT = "import sys, runpy; [sys.modules.update({n: None}) for n in ('torch', 'llmseg', 'monai', 'scipy')]; "
AFFINE = nib.affines.from_matvec(
    np.array([[-0.9, 0.1, 0.2], [0.1, 0.05, 1.6], [0.05, -2.4, 0.15]]), np.array([40.0, -30.0, 12.0])
)


def scan(folder: Path) -> Path:
    """An oblique, anisotropic scan, its axes in the order L I A."""
    return write_scan(folder / "scan.nii.gz", blobs((34, 21, 28)), AFFINE)


def run_script(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    script = folder / "infer_onnx.py"
    code = (
        f"{WITHOUT}sys.argv = {[str(script), *map(str, words)]!r}; runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False)


def check_same_mask(run: Path, folder: Path, tmp_path: Path, overlap: float = 0.5, rounding: float = 0.0) -> int:
    """Compare the script's mask with ours; returns the number of values in it.

    Masks may differ where the two most probable classes lie closer than `rounding`: either is right there.
    """
    image, mask = scan(tmp_path / "new"), tmp_path / "mask.nii.gz"
    done = run_script(folder, image, mask)
    assert done.returncode == 0, done.stderr
    trained = load(run)
    data, dims = data_config(trained.config), trained.config["model"]["spatial_dims"]
    recipe = Recipe.of(data, dims)
    predictor = Predictor(trained.net, recipe, recipe.image_size or tuple(data.patch_size), overlap)
    prepared = prepare(load_scan(Case("scan", (image,), None, "scan")), None, recipe)
    probability = np.zeros((3, *prepared.geometry.shape), np.float32)
    expected = predictor.segment(prepared, probability)[0]
    written = nib.load(mask)
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_allclose(written.affine, nib.load(image).affine, atol=1e-6)
    first, second = np.sort(probability, axis=0)[:-3:-1]
    clear = first - second >= rounding
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(np.asarray(written.dataobj)[clear], expected[clear])
    return len(np.unique(expected))


@pytest.mark.parametrize(("dims", "options"), [(2, {}), (3, {"spacing": [1.5, 2.0, 1.1], "patch_size": [16, 8, 8]})])
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


def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code, said in (
        ((f"run={tmp_path}",), 1, "no run folder"),
        ((), 2, "run has no value"),
        ((f"run={tmp_path}", "checkpoint=first"), 2, "checkpoint=first: choose last or best"),
        ((f"run={tmp_path}", "overlap=1"), 2, "overlap=1: must be at least 0 and below 1"),
    ):
        assert call("export", *words, f"output={tmp_path / 'model'}") == code
        message = capsys.readouterr().err
        assert said in message
        assert message.count("\n") == 1
    assert not (tmp_path / "model").exists()
