"""Masks as files on the grid of what they were predicted from, written whole or not at all.

A class has the value of its place in `data.classes`: 1, 2, ...; 0 is background. Regions that overlap (BraTS) cannot
share one mask, so that several of them have one file each, with 0 and 1. The mask of a picture is a PNG; one class
is then 0 and 255, to be seen, several have their numbers.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.loadsave import load, save
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray
from PIL import Image

from llmseg.data.files import read_header
from llmseg.data.formats import nifti
from llmseg.inference.inputs import Input
from llmseg.whole import replacing


def write_mask(
    folder: Path, source: Input, label: NDArray[np.uint8], classes: Sequence[str], overlapping: bool
) -> list[Path]:
    """Write a label as NIfTI or PNG.

    Args:
        folder: of the outputs.
        source: what was predicted.
        label: (L, X, Y, Z) uint8 on its grid, as `encode_label` gives it.
        classes: K names.
        overlapping: they are regions.

    Returns:
        The files: one, or one a region.
    """
    files = []
    for part, suffix in zip(label, _suffixes(classes, overlapping), strict=True):
        shown = part * np.uint8(_value(0, source, classes, overlapping)) if _alone(classes, overlapping) else part
        files.append(_write(folder, source, suffix, shown))
    return files


def write_probabilities(
    folder: Path, source: Input, probability: NDArray[np.floating[Any]], classes: Sequence[str]
) -> list[Path]:
    """Write the probability of each class: float32 NIfTI, or a PNG with 0 to 255 for a picture.

    Args:
        folder: of the outputs.
        source: what was predicted.
        probability: (K, X, Y, Z) of the classes, without background.
        classes: K names.
    """
    files = []
    for part, name in zip(probability, classes, strict=True):
        shown = np.rint(part * 255).astype(np.uint8) if source.is_picture else part.astype(np.float32)
        files.append(_write(folder, source, f"_{_word(name)}", shown))
    return files


def volumes(
    source: Input, label: NDArray[np.uint8], classes: Sequence[str], overlapping: bool
) -> list[dict[str, str | int | float | None]]:
    """One row a class: case, class, value in the mask, voxels, millilitres (None for pictures, which have no size)."""
    voxel = abs(np.linalg.det(read_header(source.images[0]).affine[:3, :3])) / 1000
    rows: list[dict[str, str | int | float | None]] = []
    for index, name in enumerate(classes):
        mask = label[index] if overlapping else label[0] == index + 1
        count = int(np.count_nonzero(mask))
        value = _value(index, source, classes, overlapping)
        millilitres = None if source.is_picture else count * float(voxel)
        rows.append({"case": source.name.as_posix(), "class": name, "value": value, "voxels": count, "ml": millilitres})
    return rows


def mask_paths(folder: Path, source: Input, classes: Sequence[str], overlapping: bool) -> list[Path]:
    """The files that `write_mask` writes."""
    return [_path(folder, source, suffix) for suffix in _suffixes(classes, overlapping)]


def _path(folder: Path, source: Input, suffix: str) -> Path:
    return folder / source.name.parent / f"{source.name.name}{suffix}{'.png' if source.is_picture else '.nii.gz'}"


def _suffixes(classes: Sequence[str], overlapping: bool) -> list[str]:
    return [f"_{_word(name)}" for name in classes] if overlapping and len(classes) > 1 else [""]


def _alone(classes: Sequence[str], overlapping: bool) -> bool:
    """Whether every class has a file for itself."""
    return overlapping or len(classes) == 1


def _value(index: int, source: Input, classes: Sequence[str], overlapping: bool) -> int:
    """Value of a class in its file."""
    if not _alone(classes, overlapping):
        return index + 1
    return 255 if source.is_picture else 1


def _word(name: str) -> str:
    """A class's name as a part of a file's."""
    return re.sub(r"[^\w.+-]+", "_", name)


def _write(folder: Path, source: Input, suffix: str, values: NDArray[Any]) -> Path:
    path = _path(folder, source, suffix)
    with replacing(path) as temporary:
        if source.is_picture:
            Image.fromarray(np.ascontiguousarray(values[..., 0])).save(temporary)
        else:
            save(_nifti(source.images[0], values), temporary)
    return path


def _nifti(reference: Path, values: NDArray[Any]) -> Nifti1Image:
    """An image on the grid of a scan; of a NIfTI file the very header, with both its transforms and their codes."""
    if not nifti.claims(reference):
        image = Nifti1Image(values, read_header(reference).affine)
        image.set_qform(image.affine, code="scanner")
        image.set_sform(image.affine, code="scanner")
        image.header.set_xyzt_units("mm")
        return image
    original = load(reference)
    assert isinstance(original, Nifti1Image), "its header was read before"
    header = original.header.copy()
    header.set_data_dtype(values.dtype)
    header["cal_min"] = header["cal_max"] = 0  # the range in which viewers show the scan
    for key in {"descrip", "aux_file", "db_name"} & set(header.keys()):  # may name the patient
        header[key] = b""
    header.set_intent("none")
    header.extensions.clear()
    return type(original)(values, original.affine, header)
