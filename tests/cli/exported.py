"""What `export.py` wrote, run where there is no PyTorch."""

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

from llmseg.cli.trained import data_config
from llmseg.data.cases import Case
from llmseg.data.preprocessing import Recipe, prepare
from llmseg.data.scan import load_scan
from llmseg.inference.predictor import Predictor
from llmseg.runs import load
from tests.data.make import write_scan
from tests.inference.make_run import blobs

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

    Masks may differ where the two most probable classes lie closer than `rounding`, in one voxel of a hundred at most.
    """
    image, mask = scan(tmp_path / "new"), tmp_path / "mask.nii.gz"
    done = run_script(folder, image, mask)
    assert done.returncode == 0, done.stderr
    trained = load(run)
    data, dims = data_config(trained.config), trained.config["model"]["spatial_dims"]
    recipe = Recipe.of(data, dims)
    predictor = Predictor(trained.net, recipe, recipe.image_size or tuple(data.patch_size), overlap)
    prepared = prepare(load_scan(Case("scan", (image,), None, "scan")), None, recipe)
    probability = np.zeros((max(recipe.logits, 2), *prepared.geometry.shape), np.float32)
    expected = predictor.segment(prepared, probability[: recipe.logits])[0]
    if recipe.logits == 1:
        probability[1] = 1 - probability[0]
    written = nib.load(mask)
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_allclose(written.affine, nib.load(image).affine, atol=1e-6)
    first, second = np.sort(probability, axis=0)[:-3:-1]
    differs = np.asarray(written.dataobj) != expected
    assert not differs[first - second >= rounding].any()
    assert differs.mean() < 0.01
    return len(np.unique(expected))
