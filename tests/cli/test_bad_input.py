"""Every mistake ends in one line that names the file or key, an exit code, and nothing half-written."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command, call
from tests.conftest import Refusal
from tests.data.make import AFFINE, SHAPE, brats_case, mask, nnunet_folder, noise, write_scan, write_text

IMAGE, LABEL = "imagesTr/case2_0000.nii.gz", "labelsTr/case2.nii.gz"
Damage = Callable[[Path], object]


def spoil(root: Path, at: tuple[int, int, int], value: float) -> None:
    """One odd voxel."""
    voxels = noise().astype(np.float32)
    voxels[at] = value
    write_scan(root / IMAGE, voxels)


def shifted(root: Path, name: str) -> None:
    """A label whose header says that it lies elsewhere."""
    affine = AFFINE.copy()
    affine[0, 3] += 5
    write_scan(root / name, mask((0, 1, 2)), affine)


def another_spacing(root: Path) -> None:
    """A label with larger voxels."""
    write_scan(root / LABEL, mask((0, 1, 2)), AFFINE @ np.diag([2.0, 1, 1, 1]))


def truncate(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FAULTS: dict[str, tuple[Damage, str]] = {
    "image without label": (lambda root: (root / LABEL).unlink(), "case2"),
    "label without image": (lambda root: (root / IMAGE).unlink(), "case2"),
    "other shape": (lambda root: write_scan(root / LABEL, mask((0, 1), (6, 5, 5))), LABEL),
    "other spacing": (another_spacing, LABEL),
    "other affine": (lambda root: shifted(root, LABEL), LABEL),
    "NaN": (lambda root: spoil(root, (1, 1, 1), np.nan), IMAGE),
    "infinite": (lambda root: spoil(root, (1, 1, 1), np.inf), IMAGE),
    "unknown label value": (lambda root: write_scan(root / LABEL, mask((0, 1, 7))), LABEL),
    "truncated": (lambda root: truncate(root / IMAGE), IMAGE),
    "truncated label": (lambda root: truncate(root / LABEL), LABEL),
    "text": (lambda root: (root / IMAGE).write_text("no scan"), IMAGE),
    "packed text": (lambda root: (root / IMAGE).write_bytes(gzip.compress(b"no scan")), IMAGE),
    "4D": (lambda root: write_scan(root / IMAGE, np.zeros((*SHAPE, 2), np.int16)), IMAGE),
    "constant": (lambda root: write_scan(root / IMAGE, np.full(SHAPE, 7, np.int16)), IMAGE),
    "broken dataset.json": (lambda root: write_text(root / "dataset.json", "{"), "dataset.json"),
    "no labels in dataset.json": (lambda root: write_text(root / "dataset.json", "{}"), "dataset.json"),
    "no dataset.json": (lambda root: (root / "dataset.json").unlink(), "dataset.json"),
    "one id twice": (lambda root: write_scan(root / "imagesTr" / "case2_0000.nii", noise()), "case2"),
    "overlapping lists": (
        lambda root: write_text(root / "split.json", json.dumps({"train": ["case0", "case1"], "test": ["case1"]})),
        "case1",
    ),
    "unknown id in a list": (
        lambda root: write_text(root / "split.json", json.dumps({"train": ["case0", "cas1"], "test": ["case2"]})),
        "cas1",
    ),
}


def refused(train: Command, folder: Path, refusal: Refusal, expected: str, *words: object, code: int = 1) -> None:
    """Assert the exit code, one line on standard error that says `expected`, and that no run was begun."""
    assert train(*words) == code
    refusal(expected)
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_data(fault: str, train: Command, tmp_path: Path, refusal: Refusal) -> None:
    root = nnunet_folder(tmp_path / "scans", [f"case{n}" for n in range(5)])
    damage, expected = FAULTS[fault]
    damage(root)
    words = ("data=nnunet", f"data.root={root}", f"paths.cache={tmp_path / 'cache'}", "data.image_size=16")
    refused(train, tmp_path, refusal, expected, *words)
    assert not list((tmp_path / "cache").glob(".*")) if (tmp_path / "cache").exists() else True


def test_missing_and_empty_roots_say_where_the_data_are(train: Command, tmp_path: Path, refusal: Refusal) -> None:
    refused(train, tmp_path, refusal, "synapse.org", "data=brats", f"data.root={tmp_path / 'nowhere'}")
    (tmp_path / "empty").mkdir()
    refused(train, tmp_path, refusal, "medicaldecathlon", "data=hippocampus", f"data.root={tmp_path / 'empty'}")


def test_two_patients_with_one_id(train: Command, tmp_path: Path, refusal: Refusal) -> None:
    for grade in ("HGG", "LGG"):
        for name in ("Brats18_A_1", f"Brats18_{grade}_1"):
            brats_case(tmp_path / "scans" / grade / name, ["flair", "seg"], (0, 1, 2, 4))
    words = ("data=brats", f"data.root={tmp_path / 'scans'}", "data.modalities=[flair]")
    refused(train, tmp_path, refusal, "Brats18_A_1", *words)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("model=gpt4oo", "did you mean gpt4o?"),
        ("data=hipocampus", "did you mean hippocampus?"),
        ("data.batchsize=4", "did you mean data.batch_size?"),
        ("+trainer.devics=2", "did you mean trainer.devices?"),
        ("trainer.devices=4096", "CPU cores"),
        ("data.batch_size=four", "data.batch_size"),
        ("model.width=-1", "model: "),
        ("data.classes=[gray_matter]", "did you mean 'grey_matter'?"),
        ("data.image_size=30", "multiple of 4"),
        ("model.spatial_dims=4", "spatial_dims"),
        ("data.cache=dsk", "data.cache"),
        ("data.intensity=zscor", "data.intensity"),
        ("loss.terms={dise:1}", "dise"),
        ("evaluation.checkpoints=[lst]", "evaluation.checkpoints"),
        ("trainer.strategy=dpp", "dpp"),
        ("trainer.precision=12", "12"),
        ("data.labelled=50", "data.labelled"),
        ("optimizer.lrr=1", "did you mean optimizer.lr?"),
        ("data.channels=2", "slab_0"),
        ("method=0", "method=0"),
        ("~method=0", "method=0"),
        ("method=[[]]", "method=[[]]"),
        ("+=", "+="),
    ],
)
def test_mistyped_words(word: str, expected: str, train: Command, tmp_path: Path, refusal: Refusal) -> None:
    refused(train, tmp_path, refusal, expected, word, code=2)


def test_nothing_to_score(train: Command, tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "split.json").write_text(json.dumps({"train": ["slab_0", "slab_1"], "test": []}))
    refused(train, tmp_path, refusal, "evaluate=false", f"data.split.file={tmp_path / 'split.json'}", code=2)


def test_no_run_to_evaluate(tmp_path: Path, refusal: Refusal) -> None:
    assert call("evaluate", f"run={tmp_path / 'nowhere'}") == 1
    refusal("no run folder")
    assert call("evaluate") == 2
    refusal("run has no value")
    assert call("compare", f"run={tmp_path}") == 1
    refusal("no finished run")
    assert not list(tmp_path.iterdir())
