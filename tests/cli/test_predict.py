"""Masks for new scans from the command line, by networks whose masks are known."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nibabel.loadsave import load, save
from nibabel.nifti1 import Nifti1Image
from PIL import Image
from scipy import ndimage

from tests.cli.conftest import Command, call, runs_in
from tests.conftest import Refusal
from tests.data.make_volumes import write_dicom
from tests.inference.make_run import THRESHOLD, blobs, threshold_run

SHAPE = (12, 17, 10)
AFFINES = {
    "identity": np.eye(4),
    "LPS, anisotropic": np.array([[-0.7, 0, 0, 90], [0, -0.7, 0, 80], [0, 0, 3.0, -40], [0, 0, 0, 1]]),
    "flipped in x": np.diag([-1.0, 1, 1, 1]),
    "ASL": np.array([[0, 0, -2.0, 7], [1.5, 0, 0, -3], [0, 1.0, 0, 11], [0, 0, 0, 1]]),
    "oblique, PIR": np.array([[0.10, 0.21, 2.3, 20.5], [-0.97, 0.12, 0.05, 30], [0.13, -1.4, 0.3, -40], [0, 0, 0, 1]]),
}


def write(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINES["LPS, anisotropic"]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(Nifti1Image(voxels, affine), path)
    return path


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine; checks the type."""
    image = load(path)
    assert isinstance(image, Nifti1Image)
    assert image.get_data_dtype() == np.uint8
    return np.asarray(image.dataobj), np.asarray(image.affine)


def predict(run: Path | str, source: Path, output: Path, *words: str) -> int:
    return call("predict", f"run={run}", f"input={source}", f"output={output}", "accelerator=cpu", *words)


def dice(one: np.ndarray, two: np.ndarray) -> float:
    return float(2 * (one & two).sum() / (one.sum() + two.sum()))


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize(("dims", "slice_axis"), [(2, 0), (2, 1), (2, 2), (3, 2)])
def test_the_very_mask_on_the_very_grid(tmp_path: Path, name: str, dims: int, slice_axis: int) -> None:
    """Where the network's grid has the scan's voxels, nothing is lost on the way to the network and back."""
    voxels = blobs(SHAPE)
    affine = AFFINES[name]
    source = write(tmp_path / "scan.nii.gz", voxels, affine)
    oriented = np.abs(affine[:3, :3]).argmax(axis=1)  # file axis of each patient axis
    in_plane = [SHAPE[axis] for position, axis in enumerate(oriented) if position != slice_axis]
    run = threshold_run(tmp_path / "run", dims, slice_axis=slice_axis, image_size=in_plane)
    assert predict(run, source, tmp_path / "masks") == 0
    mask, found = read(tmp_path / "masks" / "scan.nii.gz")
    np.testing.assert_array_equal(found, load(source).affine)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(mask, voxels > THRESHOLD)


@pytest.mark.parametrize("name", ["LPS, anisotropic", "oblique, PIR"])
@pytest.mark.parametrize(
    ("dims", "data"),
    [
        (2, {"image_size": [40, 30]}),
        (2, {"image_size": [40, 40], "spacing": [0.5, 0.5, 1.0], "slice_axis": 0}),
        (3, {"spacing": [0.6, 0.5, 0.8]}),
        (3, {"spacing": [0.6, 0.5, 0.8], "orientation": None, "patch_size": [16, 16, 8]}),
    ],
)
def test_the_mask_lies_right_where_the_network_works_on_another_grid(
    tmp_path: Path, name: str, dims: int, data: dict[str, Any]
) -> None:
    voxels = blobs((24, 30, 16))
    source = write(tmp_path / "scan.nii.gz", voxels, AFFINES[name])
    assert predict(threshold_run(tmp_path / "run", dims, **data), source, tmp_path / "masks") == 0
    mask, affine = read(tmp_path / "masks" / "scan.nii.gz")
    truth = voxels > THRESHOLD
    assert affine.tolist() == load(source).affine.tolist()  # type: ignore[attr-defined]
    # voxels are wrong only where they touch the surface
    around = np.ones((3, 3, 3))
    assert mask[ndimage.binary_erosion(truth, around, border_value=1)].all()
    assert not mask[~ndimage.binary_dilation(truth, around)].any()
    for axis in range(3):  # a shift by one voxel would be worse
        for step in (-1, 1):
            assert dice(np.roll(mask, step, axis) > 0, truth) < dice(mask > 0, truth) - 0.02


def test_classes_have_the_values_of_their_places(tmp_path: Path) -> None:
    voxels = blobs(SHAPE)
    source = write(tmp_path / "scan.nii.gz", voxels)
    run = threshold_run(tmp_path / "run", 3, classes=2)
    assert predict(run, source, tmp_path / "masks") == 0
    expected = (voxels > THRESHOLD).astype(int) + (voxels > 1.5 * THRESHOLD)
    np.testing.assert_array_equal(read(tmp_path / "masks" / "scan.nii.gz")[0], expected)
    table = pd.read_csv(tmp_path / "masks" / "volumes.csv")
    assert table["value"].tolist() == [1, 2]
    assert table["voxels"].tolist() == [(expected == 1).sum(), (expected == 2).sum()]
    np.testing.assert_allclose(table["ml"], table["voxels"] * 0.7 * 0.7 * 3 / 1000, rtol=1e-5)


def test_regions_have_a_file_each(tmp_path: Path) -> None:
    voxels = blobs(SHAPE)
    source = write(tmp_path / "scan.nii.gz", voxels)
    run = threshold_run(tmp_path / "run", 3, classes=2, overlapping=True)
    assert predict(run, source, tmp_path / "masks", "volumes=false") == 0
    assert not (tmp_path / "masks" / "volumes.csv").exists()
    for name, threshold in (("one", THRESHOLD), ("two", 1.5 * THRESHOLD)):
        np.testing.assert_array_equal(read(tmp_path / "masks" / f"scan_{name}.nii.gz")[0], voxels > threshold)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("handedness", [1, -1])
def test_a_dicom_series_gives_the_mask_of_the_same_volume(tmp_path: Path, dims: int, handedness: int) -> None:
    voxels = np.rint(blobs(SHAPE)).astype(np.int16)
    voxels[voxels == THRESHOLD] += 1
    rotation = np.linalg.qr(AFFINES["oblique, PIR"][:3, :3])[0]
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([0.8, 0.9, 2.5 * handedness])
    affine[:3, 3] = (5, -20, 13)
    source = write(tmp_path / "scan.nii.gz", voxels, affine)
    series = tmp_path / "dicom" / "chest"
    write_dicom(series, voxels, affine)
    run = threshold_run(tmp_path / "run", dims, image_size=[12, 17])
    for each, output in ((source, "a"), (series, "b"), (series.parent, "c")):
        assert predict(run, each, tmp_path / output) == 0
    mask, grid = read(tmp_path / "a" / "scan.nii.gz")
    for output in ("b", "c"):
        of_series, grid_of_series = read(tmp_path / output / "chest.nii.gz")
        # the stack may run the other way: compare where voxels lie
        step = np.linalg.inv(grid) @ grid_of_series
        start, along = np.rint(step[:3, 3]).astype(int), np.rint(np.diag(step)[:3]).astype(int)
        np.testing.assert_allclose(step[:3, :3], np.diag(along), atol=1e-3)
        axes = tuple(axis for axis in range(3) if along[axis] < 0)
        assert [start[axis] for axis in axes] == [SHAPE[axis] - 1 for axis in axes]
        np.testing.assert_array_equal(np.flip(of_series, axes), mask)
    assert 0.05 < mask.mean() < 0.95


def test_pictures(tmp_path: Path) -> None:
    grey = np.rint(blobs((40, 30, 1))[..., 0] * 0.255).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(grey).save(tmp_path / "in" / "a.png")
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "in" / "b.tif")
    data = {"window": [0, 255], "orientation": None, "image_size": [40, 30]}
    assert predict(threshold_run(tmp_path / "run", 2, **data), tmp_path / "in", tmp_path / "out") == 0
    for name in "ab":
        mask = np.asarray(Image.open(tmp_path / "out" / f"{name}.png"))
        np.testing.assert_array_equal(mask, 255 * (grey > 127))
    rgb = threshold_run(tmp_path / "rgb", 2, channels=3, modalities=["red", "green", "blue"], **data)
    assert predict(rgb, tmp_path / "in" / "b.tif", tmp_path / "rgb-out") == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "rgb-out" / "b.png")), 255 * (grey > 127))
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["ml"].isna().all()


@pytest.mark.parametrize("data", [{"spacing": [1.0, 1.0, 1.0]}, {"slice_axis": 0}])
def test_pictures_and_networks_of_volumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: dict[str, Any]
) -> None:
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(tmp_path / "a.png")
    assert predict(threshold_run(tmp_path / "run", 2, **data), tmp_path / "a.png", tmp_path / "out") == 1
    assert "picture" in capsys.readouterr().err.splitlines()[-1]


def test_channels_by_brats_and_nnunet_names(tmp_path: Path) -> None:
    """The mean of two channels is above the threshold where neither order nor the third file may matter."""
    one, two, other = (blobs(SHAPE, seed) for seed in range(3))
    for name, voxels in (("t1c", one), ("t2f", two), ("t2w", other), ("seg", other)):
        write(tmp_path / "brats" / "BraTS-GLI-00001-000" / f"BraTS-GLI-00001-000-{name}.nii.gz", voxels)
    for number, voxels in enumerate((one, two)):
        write(tmp_path / "nnunet" / f"case_{number:04d}.nii.gz", voxels)
    run = threshold_run(tmp_path / "run", 3, channels=2, modalities=["t1ce", "flair"])
    for folder, name in (("brats", "BraTS-GLI-00001-000"), ("nnunet", "case")):
        assert predict(run, tmp_path / folder, tmp_path / f"{folder}-out") == 0
        mask = read(tmp_path / f"{folder}-out" / f"{name}.nii.gz")[0]
        near = np.abs((one + two) / 2 - THRESHOLD) < 1e-2  # rounding decides
        np.testing.assert_array_equal((mask > 0)[~near], ((one + two) / 2 > THRESHOLD)[~near])


def test_a_broken_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voxels = blobs(SHAPE)
    for name in ("a", "b", "d"):
        write(tmp_path / "in" / f"{name}.nii.gz", voxels)
    broken = tmp_path / "in" / "b.nii.gz"
    broken.write_bytes(broken.read_bytes()[:500])
    write(tmp_path / "in" / "c.nii.gz", np.zeros(SHAPE))
    assert predict(threshold_run(tmp_path / "run", 3), tmp_path / "in", tmp_path / "out") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "2 of 4 inputs failed (b, c)" in error
    assert str(broken) in error
    assert sorted(path.name for path in (tmp_path / "out").glob("*.nii.gz")) == ["a.nii.gz", "d.nii.gz"]
    assert pd.read_csv(tmp_path / "out" / "volumes.csv")["case"].tolist() == ["a", "d"]
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_existing_masks_are_replaced_and_inputs_never(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "scan.nii.gz", blobs(SHAPE))
    run = threshold_run(tmp_path / "run", 3)
    before = source.read_bytes()
    assert predict(run, source, tmp_path) == 2
    assert "overwrite" in capsys.readouterr().err
    (tmp_path / "alias").symlink_to(tmp_path)
    assert predict(run, tmp_path, tmp_path / "alias") == 2
    assert source.read_bytes() == before
    for _ in range(2):  # the second time the masks lie in the folder that is searched
        (tmp_path / "masks").mkdir(exist_ok=True)
        (tmp_path / "masks" / "scan.nii.gz").write_text("old")
        assert predict(run, tmp_path, tmp_path / "masks") == 0
        assert read(tmp_path / "masks" / "scan.nii.gz")[0].any()
    assert len(list((tmp_path / "masks").rglob("*.nii.gz"))) == 1


def test_everything_optional(tmp_path: Path) -> None:
    voxels = blobs((20, 24, 18))
    source = write(tmp_path / "in" / "deep" / "scan.nii.gz", voxels)
    run = threshold_run(tmp_path / "run", 3, classes=2)
    words = ("tta=true", "largest_component=true", "probabilities=true", "overlay=true")
    assert predict(run, source.parent.parent, tmp_path / "out", *words) == 0
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        "console.log", "volumes.csv", "deep/scan.nii.gz", "overlays/deep/scan.png",
        "probabilities/deep/scan_one.nii.gz", "probabilities/deep/scan_two.nii.gz",
    }  # fmt: skip
    mask = read(tmp_path / "out" / "deep" / "scan.nii.gz")[0]
    for value in (1, 2):
        assert ndimage.label(mask == value, np.ones((3, 3, 3)))[1] == 1
    image = load(tmp_path / "out" / "probabilities" / "deep" / "scan_two.nii.gz")
    assert isinstance(image, Nifti1Image)
    probability = image.get_fdata()
    # softmax of 0, 40 (x - 0.5) and 40 (2 x - 1.25)
    logits = np.stack([0 * voxels, 40 * (voxels / 1000 - 0.5), 40 * (2 * voxels / 1000 - 1.25)])
    expected = np.exp(logits[2] - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    np.testing.assert_allclose(probability, expected, atol=1e-3)


@pytest.mark.parametrize("dims", [2, 3])
def test_mirroring_and_an_ensemble_of_copies_change_nothing(tmp_path: Path, dims: int) -> None:
    source = write(tmp_path / "scan.nii.gz", blobs(SHAPE), AFFINES["oblique, PIR"])
    runs = [threshold_run(tmp_path / name, dims, classes=2) for name in "ab"]
    assert predict(runs[0], source, tmp_path / "alone") == 0
    assert predict(runs[0], source, tmp_path / "mirrored", "tta=true") == 0
    assert predict(f"[{runs[0]},{runs[1]}]", source, tmp_path / "both") == 0
    expected = read(tmp_path / "alone" / "scan.nii.gz")[0]
    assert expected.any()
    for name in ("mirrored", "both"):
        np.testing.assert_array_equal(read(tmp_path / name / "scan.nii.gz")[0], expected)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"spacing": [1.0, 1.0, 1.0]}, "data.spacing"),
        ({"classes": 2}, "data.classes"),
        ({"channels": 2}, "data.channels"),
        ({"spatial_dims": 2}, "model.spatial_dims"),
    ],
)
def test_runs_that_are_no_ensemble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, Any], words: str
) -> None:
    source = write(tmp_path / "scan.nii.gz", blobs(SHAPE))
    runs = [threshold_run(tmp_path / "a", 3), threshold_run(tmp_path / "b", **({"spatial_dims": 3} | other))]
    assert predict(f"[{runs[0]},{runs[1]}]", source, tmp_path / "out") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("word", "code", "text"),
    [
        ("checkpoint=first", 2, "checkpoint=first"),
        ("checkpoint=best", 1, "best.ckpt"),
        ("run=nowhere", 1, "no run folder"),
        ("run=[]", 2, "at least one"),
        ("input=nowhere", 1, "no such file"),
        ("output=mask.nii.gz", 2, "name a folder"),
        ("overlap=1", 2, "overlap"),
        ("accelerator=tpu", 2, "accelerator"),
        ("tta=perhaps", 2, "tta"),
        ("largest_componnt=true", 2, "largest_component"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch, word: str, code: int, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "scan.nii.gz", blobs(SHAPE))
    run = threshold_run(tmp_path / "run", 3)
    words = {"run": f"run={run}", "input": f"input={source}", "output": f"output={tmp_path / 'out'}"}
    words[word.partition("=")[0]] = word
    assert call("predict", *words.values()) == code
    refusal(text)
    assert sorted(os.listdir(tmp_path)) == ["run", "scan.nii.gz"]


@pytest.mark.slow
def test_folds_and_their_ensemble(train: Command, tmp_path: Path, sample_cache: Path) -> None:
    """Two folds of the built-in sample: every training case validates once, the test cases in none."""
    words = ("data.folds=2", "evaluate=false")
    for fold in (0, 1):
        assert train(*words, f"data.fold={fold}", f"name=fold{fold}", "trainer.max_epochs=4", "optimizer.lr=0.02") == 0
    runs = runs_in(tmp_path / "runs")
    first, second = (json.loads((run / "split.json").read_text()) for run in runs)
    assert first["test"] == second["test"]
    assert sorted(first["val"] + second["val"]) == sorted(first["train"] + first["val"])
    assert sorted(first["train"]) == sorted(second["val"])

    def evaluate(run: str, output: str, *words: str) -> int:
        cache = f"paths.cache={sample_cache}"
        return call("evaluate", f"run={run}", f"output={tmp_path / output}", cache, "accelerator=cpu", *words)

    assert evaluate(str(runs[0]), "one") == 0
    assert evaluate(f"[{runs[0]},{runs[0]}]", "twice") == 0
    assert evaluate(f"[{runs[0]},{runs[1]}]", "both") == 0
    one, twice, both = (pd.read_csv(tmp_path / name / "cases.csv") for name in ("one", "twice", "both"))
    pd.testing.assert_frame_equal(one, twice)
    assert not one["dice"].equals(both["dice"])
    alone, summary = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("one", "both"))
    assert summary["ensemble"] == [str(run) for run in runs]
    assert summary["seed"] == [0, 0]
    assert summary["cost"]["parameters"] == 2 * alone["cost"]["parameters"]
    assert evaluate(f"[{runs[0]},{runs[1]}]", "leak", "part=val") == 2
    assert not (tmp_path / "leak").exists()
