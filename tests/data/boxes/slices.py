"""Small volumes and summaries with known boxes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from llmseg.data.boxes.sample import Box, Record
from llmseg.data.cases import Case
from tests.data.make import write_scan, write_text

SHAPE = (12, 10, 8)
SPACING = (1.0, 1.5, 2.0)
# On the patient's left (low X in RAS), in front (high Y), low (low Z).
BLOCK = (slice(2, 5), slice(6, 9), slice(1, 3))
EXPECTED = {"axial": Box(7, 1, 10, 4), "coronal": Box(7, 5, 10, 7), "sagittal": Box(1, 5, 4, 7)}
SPACINGS = {"axial": (1.0, 1.5), "coronal": (1.0, 2.0), "sagittal": (1.5, 2.0)}
RAS = np.array([[1.0, 0, 0, -5.5], [0, 1.5, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 1]])


def volume(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask in RAS: noise from 1 to 99 without zeros, and the block in 1 with one voxel of 2 in it."""
    image = np.random.default_rng(seed).integers(1, 100, SHAPE).astype(np.int16)
    mask = np.zeros(SHAPE, np.uint8)
    mask[BLOCK] = 1
    mask[2, 6, 1] = 2
    return image, mask


def as_stored(values: np.ndarray, axes: str) -> tuple[np.ndarray, np.ndarray]:
    """The same anatomy as a file whose axes run to RAS or LAS, and its affine."""
    if axes == "RAS":
        return values, RAS
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = SHAPE[0] - 1
    return np.ascontiguousarray(values[::-1]), RAS @ flip


def case(folder: Path, axes: str = "RAS") -> Case:
    """A case of one channel with classes `one` (1) and `two` (2)."""
    image, mask = volume()
    image_path = write_scan(folder / "image.nii.gz", *as_stored(image, axes))
    label_path = write_scan(folder / "label.nii.gz", *as_stored(mask, axes))
    return Case(folder.name, (image_path,), label_path, folder.name, {"one": (1,), "two": (2,)})


def picture(path: Path, size: tuple[int, int] = (20, 16), seed: int = 0) -> Path:
    """A grey image of that width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0])).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def line(folder: Path, name: str = "BraTS-GLI-00000-000_2", **changes: Any) -> dict[str, Any]:
    """A line as in the post, whose images are written; `changes` replace keys (`__` for a space), None removes."""
    content: dict[str, Any] = {}
    for sequence, number in (("t2f", 0), ("t2w", 2), ("t1n", 3), ("t1c", 4)):
        picture(folder / f"{name}_{number}.jpg", seed=number)
        content[f"{sequence} Sagittal_path"] = f"{name}_{number}.jpg"
    content["box"] = [[3, 4, 6, 8]]
    content |= {key.replace("__", " "): value for key, value in changes.items()}
    return {key: value for key, value in content.items() if value is not None}


def summary(folder: Path, lines: Sequence[Mapping[str, Any] | str]) -> Path:
    """summary.jsonl of these lines."""
    texts = [text if isinstance(text, str) else json.dumps(text) for text in lines]
    return write_text(folder / "summary.jsonl", "\n".join(texts) + "\n")


def data_root(folder: Path, patients: int = 6, slices: int = 2, scans: int = 1) -> Path:
    """A summary of several patients, each with some scans of some slices; returns its folder."""
    lines = [
        line(folder, f"BraTS-GLI-{patient:05d}-{scan:03d}_{index}", box=[[patient, index, 5, 4]])
        for patient in range(patients)
        for scan in range(scans)
        for index in range(slices)
    ]
    summary(folder, lines)
    return folder


def record(images: Mapping[str, Path], plane: str = "axial", boxes: tuple[Box, ...] = ()) -> Record:
    """A record of the case `a`."""
    return Record("a", "a", plane, 3, images, boxes, (1.0, 2.5))
