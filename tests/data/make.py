"""Small data sets in their true on-disk format."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image

from llmseg.data.cases import Case
from llmseg.data.files import read_header, read_voxels
from llmseg.errors import DataError

SHAPE = (6, 5, 4)
AFFINE = np.array([[-1.0, 0, 0, 20], [0, -1.5, 0, 30], [0, 0, 2.0, -40], [0, 0, 0, 1]])


def noise(seed: int = 0, shape: Sequence[int] = SHAPE) -> np.ndarray:
    """Random image, int16."""
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def mask(values: Sequence[int] = (0, 1), shape: Sequence[int] = SHAPE) -> np.ndarray:
    """Label with all of `values`, uint8."""
    return np.resize(np.array(values, dtype=np.uint8), shape)


def write_scan(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    """Write a NIfTI file and its parent folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(Nifti1Image(voxels, affine), path)
    return path


def write_text(path: Path, content: str) -> Path:
    """Write a text file and its parent folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def case(
    folder: Path, image: np.ndarray | None = None, label: np.ndarray | None = None, affine: np.ndarray = AFFINE
) -> Case:
    """One case with classes `one` (1) and `two` (2); `affine` is the label's."""
    image_path = write_scan(folder / "image.nii.gz", noise() if image is None else image)
    label_path = write_scan(folder / "label.nii.gz", mask((0, 1, 2)) if label is None else label, affine)
    return Case(folder.name, (image_path,), label_path, folder.name, {"one": (1,), "two": (2,)})


def cases(groups: Mapping[str, str]) -> list[Case]:
    """Cases without files from case id -> patient."""
    return [Case(name, (Path("images") / f"{name}.nii.gz",), None, group) for name, group in groups.items()]


def nnunet_folder(
    root: Path, ids: Sequence[str], channels: int = 1, part: str = "Tr", dataset: Mapping[str, Any] | None = None
) -> Path:
    """An nnU-Net raw folder with classes `one` (1) and `two` (2)."""
    for seed, name in enumerate(ids):
        for channel in range(channels):
            write_scan(root / f"images{part}" / f"{name}_{channel:04d}.nii.gz", noise(seed + 100 * channel))
        write_scan(root / f"labels{part}" / f"{name}.nii.gz", mask((0, 1, 2)))
    facts = {
        "channel_names": {str(channel): f"MRI {channel}" for channel in range(channels)},
        "labels": {"background": 0, "one": 1, "two": 2},
        "numTraining": len(ids),
        "file_ending": ".nii.gz",
    }
    write_text(root / "dataset.json", json.dumps(facts if dataset is None else dataset))
    return root


def brats_case(folder: Path, kinds: Sequence[str], values: Sequence[int] = (0, 1, 2)) -> Path:
    """A BraTS case folder named by its id, with the separator of its year; `kinds` may contain seg."""
    separator = "-" if folder.name.startswith("BraTS-") else "_"
    for seed, kind in enumerate(kinds):
        voxels = mask(values) if kind == "seg" else noise(seed)
        write_scan(folder / f"{folder.name}{separator}{kind}.nii.gz", voxels)
    return folder


def batches_from(module: Any, start: tuple[int, int], epochs: Iterable[int]) -> list[Any]:
    """The batches of some epochs of a training that begins at this epoch and batch."""
    module.start_at(*start)
    loader = module.train_dataloader()
    found = []
    for epoch in epochs:
        loader.batch_sampler.set_epoch(epoch)
        found += list(loader)
    return found


def unreadable(path: Path, *words: object, place: Path | None = None) -> None:
    """Assert that neither header nor voxels can be read, and that both say so in one line with the path and the words.

    Args:
        path: the file or folder.
        words: in the message.
        place: what to read; None: `path`.
    """
    for read in (read_header, read_voxels):
        with pytest.raises(DataError) as caught:
            read(place or path)
        one_line(caught.value, path, *words)


def one_line(error: BaseException, *words: object) -> str:
    """Assert that a message is one line and contains all words; returns it."""
    message = str(error)
    assert "\n" not in message
    for word in words:
        assert str(word) in message
    return message
