"""Small volumes in the formats of DICOM, NRRD and HDF5, and the data sets that come in them, as they lie on disk.

NRRD and DICOM are written by other libraries (pynrrd, pydicom) than the one that reads them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import nrrd
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tests.data.make import AFFINE, noise, write_scan, write_text

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
LA_IDS = tuple(f"{letter}{number:019d}" for number, letter in enumerate("ABCDE"))
BRATS_IDS = tuple(f"BraTS19_{site}_1" for site in ("2013_0", "CBICA_AAB", "CBICA_AAG", "TCIA01_131", "TMC_06290"))


def ball(shape: Sequence[int] = (24, 20, 16), centre: Sequence[float] = (8, 8, 6), radius: float = 4.5) -> np.ndarray:
    """Mask of a ball, uint8."""
    grid = np.indices(shape) - np.reshape(centre, (3, 1, 1, 1))
    return (np.sqrt((grid**2).sum(0)) <= radius).astype(np.uint8)


def body(organ: np.ndarray, seed: int = 0) -> np.ndarray:
    """CT, int16 HU: air, fat, and soft tissue of 90 HU in the organ alone, with noise of 15 HU."""
    hounsfield = np.full(organ.shape, -1000)
    hounsfield[1:-1, 1:-1] = -100
    hounsfield[organ > 0] = 90
    return np.maximum(hounsfield + np.random.default_rng(seed).normal(0, 15, organ.shape), -1024).astype(np.int16)


def write_nrrd(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> Path:
    """Write an NRRD file with an affine in RAS; as the files of the Left Atrium, its space is LPS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lps = LPS @ affine
    geometry = {"space": "left-posterior-superior", "space directions": lps[:3, :3].T, "space origin": lps[:3, 3]}
    nrrd.write(str(path), voxels, {**geometry, "encoding": "gzip", **header})
    return path


def write_h5(path: Path, **arrays: np.ndarray) -> Path:
    """Write an HDF5 file with compressed data sets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip")
    return path


def write_dicom(
    folder: Path,
    hounsfield: np.ndarray,
    affine: np.ndarray = AFFINE,
    slope: float = 1.0,
    intercept: float = -1024.0,
    uid: str = "",
    **tags: Any,
) -> list[Path]:
    """Write a CT series (X, Y, Z), one file a slice; the names are not in the order of the positions.

    Args:
        folder: written, with its parents.
        hounsfield: voxels on the grid of `affine` (RAS); stored as (HU - intercept) / slope, 16 bits.
        affine: voxel index to millimetres.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        uid: SeriesInstanceUID; a new one if empty.
        tags: further elements of every slice, by keyword.

    Returns:
        The files in order of Z.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series, study, stored = uid or generate_uid(), generate_uid(), np.rint((hounsfield - intercept) / slope)
    axes, count = (LPS @ affine)[:3, :3], hounsfield.shape[2]
    sizes = np.linalg.norm(axes, axis=0)
    names = np.random.default_rng(0).permutation(count)
    paths = []
    for k in range(count):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid()
        path = folder / f"1-{names[k] + 1:03d}.dcm"
        one = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        one.SeriesInstanceUID, one.StudyInstanceUID = series, study
        one.Modality, one.SeriesDescription, one.InstanceNumber = "CT", "Abdomen", int(names[k]) + 1
        one.ImageOrientationPatient = [f"{value:.10g}" for value in (*axes[:, 0] / sizes[0], *axes[:, 1] / sizes[1])]
        one.ImagePositionPatient = [f"{value:.10g}" for value in (LPS @ affine @ (0, 0, k, 1))[:3]]
        one.PixelSpacing = [f"{sizes[1]:.10g}", f"{sizes[0]:.10g}"]  # between rows, then between columns
        one.SliceThickness = f"{sizes[2]:.10g}"
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.RescaleSlope, one.RescaleIntercept = f"{slope:g}", f"{intercept:g}"
        one.Columns, one.Rows = hounsfield.shape[:2]
        one.PixelData = np.ascontiguousarray(stored[:, :, k].T.astype(np.uint16)).tobytes()
        for name, value in tags.items():
            setattr(one, name, value)
        one.save_as(path)
        paths.append(path)
    return paths


def edit(path: Path, **tags: Any) -> None:
    """Change elements of a DICOM file."""
    from pydicom import dcmread

    content: Dataset = dcmread(path)
    for name, value in tags.items():
        setattr(content, name, value)
    content.save_as(path)


def write_lists(root: Path, lists: Mapping[str, Sequence[str]]) -> None:
    """Write list files, one case a line."""
    for name, lines in lists.items():
        write_text(root / name, "".join(f"{line}\n" for line in lines))


def la_raw(root: Path, ids: Sequence[str] = LA_IDS) -> Path:
    """Left Atrium as the challenge gave it out."""
    for seed, name in enumerate(ids):
        write_nrrd(root / "Training Set" / name / "lgemri.nrrd", noise(seed, (24, 20, 16)).astype(np.uint8))
        write_nrrd(root / "Training Set" / name / "laendo.nrrd", ball() * np.uint8(255))
    return root


def la_h5(root: Path, ids: Sequence[str] = LA_IDS) -> Path:
    """Left Atrium of the semi-supervised field: all but the last two train, those are the test."""
    for seed, name in enumerate(ids):
        image = np.random.default_rng(seed).normal(0.9, 1, (24, 20, 16)) + 2 * ball()
        path = root / "2018LA_Seg_Training Set" / name / "mri_norm2.h5"
        write_h5(path, image=image.astype(np.float32), label=ball())
    write_lists(root, {"train.list": ids[:-2], "test.list": ids[-2:]})
    return root


def pancreas(root: Path, numbers: Sequence[int] = (1, 2, 3, 4), flip: Sequence[int] = ()) -> Path:
    """Pancreas-CT as the archive gives it out; `flip` mirrors the labels along these axes."""
    affine = np.array([[-0.8, 0, 0, 90.0], [0, -0.8, 0, 60], [0, 0, 1, -200], [0, 0, 0, 1]])
    for number in numbers:
        organ = ball()
        folder = root / "Pancreas-CT" / f"PANCREAS_{number:04d}" / "11-24-2015-PANCREAS0001" / "Pancreas-18957"
        write_dicom(folder, body(organ, number), affine)
        label = root / "TCIA_pancreas_labels-02-05-2017" / f"label{number:04d}.nii.gz"
        write_scan(label, np.flip(organ, tuple(flip)), affine)
    write_text(root / "Pancreas-CT" / "LICENSE", "")
    return root


def pancreas_h5(root: Path, protocol: str, numbers: Sequence[int] = (1, 2, 3, 4, 5)) -> Path:
    """Pancreas-CT of the semi-supervised field: all but the last two train, those are the test."""
    for number in numbers:
        image = np.random.default_rng(number).normal(0, 1, (24, 20, 16)) + 2 * ball()
        name = f"Pancreas_h5/image{number:04d}_norm.h5" if protocol == "a" else f"{number:04d}.h5"
        write_h5(root / name, image=image.astype(np.float32), label=ball().astype(np.float32))
    if protocol == "a":
        ids = [f"image{number:04d}" for number in numbers]
        write_lists(root, {"train.list": ids[:-2], "test.list": ids[-2:]})
    else:
        ids = [f"{number:04d}.h5" for number in numbers]
        write_lists(root, {"train_lab.txt": ids[1:-2], "train_unlab.txt": ids[:1], "test.txt": ids[-2:]})
    return root


def brats19_h5(root: Path, ids: Sequence[str] = BRATS_IDS) -> Path:
    """BraTS 2019 of the semi-supervised field: the last two are test and validation."""
    for seed, name in enumerate(ids):
        image = np.random.default_rng(seed).normal(0, 1, (24, 20, 16)) + 2 * ball()
        write_h5(root / "data" / f"{name}.h5", image=image.astype(np.float32), label=ball())
    write_lists(root, {"train.txt": ids[:-2], "val.txt": ids[-2:-1], "test.txt": ids[-1:]})
    return root
