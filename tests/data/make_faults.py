"""Data sets with structure, and ways to spoil them."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
from nibabel.loadsave import load
from nibabel.nifti1 import Nifti1Image

from tests.data.make import AFFINE, write_scan, write_text

SHAPE = (26, 24, 20)
MIRROR = np.array([[-1.0, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def scan(seed: int, channels: int = 2) -> tuple[list[np.ndarray], np.ndarray]:
    """Channels in which two organs, off centre, are brighter and darker than what is around; and their label."""
    rng = np.random.default_rng(seed)
    x, y, z = np.indices(SHAPE)
    centre = rng.uniform(-1, 1, 3) + np.array([8, 9, 7])
    one = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < 16
    two = (x - centre[0] - 4) ** 2 + (y - centre[1] - 7) ** 2 + (z - centre[2] - 5) ** 2 < 12
    tissue = 400 + 300 * one - 200 * two
    images = [((-1) ** n * tissue + 1000 * n + rng.normal(0, 40, SHAPE)).astype(np.int16) for n in range(channels)]
    return images, (one + 2 * two).astype(np.uint8)


def data_set(root: Path, ids: list[str], channels: int = 2, test: int = 3) -> Path:
    """A clean nnU-Net raw folder with classes `one` and `two`; the last `test` cases are its test list."""
    for seed, name in enumerate(ids):
        images, label = scan(seed, channels)
        for channel, voxels in enumerate(images):
            write_scan(image(root, name, channel), voxels)
        write_scan(label_of(root, name), label)
    facts = {
        "channel_names": {str(channel): f"MRI {channel}" for channel in range(channels)},
        "labels": {"background": 0, "one": 1, "two": 2},
        "numTraining": len(ids),
        "file_ending": ".nii.gz",
    }
    write_text(root / "dataset.json", json.dumps(facts))
    write_lists(root, ids[:-test], ids[-test:])
    return root


def write_lists(root: Path, train: list[str], test: list[str]) -> None:
    """The official split."""
    write_text(root / "split.json", json.dumps({"train": train, "test": test}))


def image(root: Path, name: str, channel: int = 0) -> Path:
    """A channel's file."""
    return root / "imagesTr" / f"{name}_{channel:04d}.nii.gz"


def label_of(root: Path, name: str) -> Path:
    """A label's file."""
    return root / "labelsTr" / f"{name}.nii.gz"


def change(path: Path, voxels: np.ndarray | None = None, affine: np.ndarray | None = None) -> None:
    """Write a scan again with other voxels or another affine."""
    old = load(path)
    assert isinstance(old, Nifti1Image)
    write_scan(path, voxels_of(path) if voxels is None else voxels, old.affine if affine is None else affine)


def voxels_of(path: Path) -> np.ndarray:
    """The voxels of a NIfTI file."""
    old = load(path)
    assert isinstance(old, Nifti1Image)
    return np.asarray(old.dataobj).copy()


def put(path: Path, value: float) -> None:
    """One odd voxel."""
    voxels = voxels_of(path).astype(np.float32)
    voxels[3, 3, 3] = value
    change(path, voxels)


def lie(path: Path) -> None:
    """Leave the voxels, but let the header promise a million times as many."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[42:48] = np.array([3000, 3000, 3000], "<i2").tobytes()  # dim[1] to dim[3] of NIfTI-1
    path.write_bytes(gzip.compress(bytes(content)))


def break_affine(path: Path) -> None:
    """Put NaN into the first row of the affine."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280:296] = np.full(4, np.nan, "<f4").tobytes()  # srow_x of NIfTI-1
    path.write_bytes(gzip.compress(bytes(content)))


def inflate(path: Path) -> None:
    """Make a zip bomb: 40 MB of zeros behind the voxels."""
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(40_000_000)))


def truncate(path: Path) -> None:
    """Keep the first two thirds of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def as_jpeg(path: Path) -> None:
    """A mask of 0 and 255 with the noise that JPEG leaves."""
    mask = voxels_of(path) > 0
    noise = np.random.default_rng(0).integers(-12, 13, mask.shape)
    change(path, np.clip(255 * mask + noise, 0, 255).astype(np.uint8))


def copy_case(root: Path, source: str, name: str) -> None:
    """The same scan under another name, saved with another type."""
    for path in (root / "imagesTr").glob(f"{source}_*.nii.gz"):
        target = path.with_name(path.name.replace(source, name))
        shutil.copy(path, target)
        change(target, voxels_of(target).astype(np.float32))
    shutil.copy(label_of(root, source), label_of(root, name))


def add_class(root: Path, name: str, value: int) -> None:
    """One more class in dataset.json."""
    facts = json.loads((root / "dataset.json").read_text())
    facts["labels"][name] = value
    write_text(root / "dataset.json", json.dumps(facts))


def other_spacing(path: Path) -> None:
    """Larger voxels by the header."""
    change(path, affine=AFFINE @ np.diag([1.0, 1, 1.5, 1]))
