"""DICOM series, written by pydicom."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.nifti1 import Nifti1Image

from llmseg.data.files import files_of, read_header, read_voxels
from llmseg.errors import DataError
from tests.data.make import AFFINE, noise, one_line, unreadable, write_scan, write_text
from tests.data.make_volumes import LPS, ball, body, edit, write_dicom

AXIAL = np.array([[-0.7, 0, 0, 90], [0, -0.8, 0, 60], [0, 0, 1.25, -300], [0, 0, 0, 1]])
HU = (noise() - 500).astype(np.int16)


def turned() -> np.ndarray:
    """An oblique grid with three voxel sizes."""
    x, y, z = np.radians([20, -15, 30])
    around_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    around_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    around_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = around_x @ around_y @ around_z @ np.diag([0.7, 0.9, 2.5])
    affine[:3, 3] = (-12.5, 30.25, -7)
    return affine


SAGITTAL = np.array([[0, 0, 3.0, -40], [-0.5, 0, 0, 60], [0, -0.6, 0, 70], [0, 0, 0, 1]])
GRIDS = {"axial": AXIAL, "oblique": turned(), "sagittal": SAGITTAL, "downwards": AXIAL @ np.diag([1, 1, -1, 1])}


@pytest.mark.parametrize("name", GRIDS)
def test_every_voxel_has_its_hounsfield_units_at_its_place(tmp_path: Path, name: str) -> None:
    write_dicom(tmp_path / "series", HU, GRIDS[name])
    header = read_header(tmp_path / "series")
    found = nib.as_closest_canonical(Nifti1Image(read_voxels(tmp_path / "series"), header.affine))
    written = nib.as_closest_canonical(Nifti1Image(HU, GRIDS[name]))
    np.testing.assert_allclose(found.affine, written.affine, atol=1e-6)
    np.testing.assert_array_equal(found.dataobj, written.dataobj)
    assert header.shape == HU.shape
    np.testing.assert_allclose(header.spacing, np.linalg.norm(GRIDS[name][:3, :3], axis=0), atol=1e-6)


def test_rescale_slope_of_the_file_is_applied(tmp_path: Path) -> None:
    values = np.arange(120).reshape(6, 5, 4) * 0.25 - 10
    write_dicom(tmp_path / "series", values, AFFINE, slope=0.25, intercept=-10)
    np.testing.assert_allclose(read_voxels(tmp_path / "series", np.float32), values)
    assert read_voxels(tmp_path / "series", np.float32).dtype == np.float32


def test_each_slice_has_its_own_slope(tmp_path: Path) -> None:
    """As in PET: the stored numbers of a slice use the whole range."""
    paths = write_dicom(tmp_path / "series", np.full((6, 5, 4), 100), AXIAL, intercept=0)
    for number, path in enumerate(paths):
        edit(path, RescaleSlope=f"{1 + number / 2}")
    np.testing.assert_allclose(read_voxels(tmp_path / "series", np.float32)[0, 0], [100, 150, 200, 250])


def test_other_files_and_folders_do_not_matter(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU, AXIAL)
    write_text(tmp_path / "LICENSE", "free")
    write_text(tmp_path / ".DS_Store", "")
    write_dicom(tmp_path / "other", HU)
    assert read_header(tmp_path).shape == (6, 5, 4)
    assert len(files_of(tmp_path)) == 5


def test_names_without_a_suffix(tmp_path: Path) -> None:
    for number, path in enumerate(write_dicom(tmp_path, HU, AXIAL)):
        path.rename(tmp_path / f"IM{number}")
    assert read_header(tmp_path).shape == (6, 5, 4)


def test_one_slice_is_a_volume_as_thick_as_it_says(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[..., :1], AXIAL)
    np.testing.assert_allclose(read_header(tmp_path).affine, AXIAL, atol=1e-6)


def test_rounded_positions_are_even(tmp_path: Path) -> None:
    for number, path in enumerate(write_dicom(tmp_path, noise(shape=(6, 5, 8)), AXIAL)):
        edit(path, ImagePositionPatient=["-90", "-60", f"{-300 + 1.25 * number:.1f}"])
    np.testing.assert_allclose(read_header(tmp_path).spacing, [0.7, 0.8, 1.25], atol=0.01)


def test_a_changed_folder_is_read_again(tmp_path: Path) -> None:
    paths = write_dicom(tmp_path, HU, AXIAL)
    assert read_header(tmp_path).shape[2] == 4
    paths[-1].unlink()
    assert read_header(tmp_path).shape[2] == 3


def _moved(folder: Path, index: int, by: float) -> None:
    path = write_dicom(folder, noise(shape=(6, 5, 8)), AXIAL)[index]
    place = pydicom.dcmread(path).ImagePositionPatient
    edit(path, ImagePositionPatient=[place[0], place[1], f"{place[2] + by:.6g}"])


def _two_series(folder: Path) -> None:
    write_dicom(folder, HU, AXIAL, uid="1.2.3", SeriesDescription="arterial")
    for number, path in enumerate(write_dicom(folder / "b", HU, AXIAL, uid="1.2.4", SeriesDescription="venous")):
        path.rename(folder / f"b{number}.dcm")


def _multiframe(folder: Path) -> None:
    path = write_dicom(folder, HU[..., :1], AXIAL)[0]
    edit(path, NumberOfFrames=2, PixelData=pydicom.dcmread(path).PixelData * 2)


def _colour(folder: Path) -> None:
    path = write_dicom(folder, HU[..., :1], AXIAL)[0]
    size = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    edit(path, SamplesPerPixel=3, PhotometricInterpretation="RGB", PixelData=bytes(90), **size)


def _tilted(folder: Path) -> None:
    for number, path in enumerate(write_dicom(folder, noise(shape=(6, 5, 8)), AXIAL)):
        edit(path, ImagePositionPatient=["-90", f"{-60 + 0.3 * number:.6g}", f"{-300 + 1.25 * number:.6g}"])


FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing": (lambda folder: None, ("no such file",)),
    "empty": (lambda folder: folder.mkdir(), ("no DICOM",)),
    "other files": (lambda folder: write_text(folder / "a.dcm", "no scan"), ("no DICOM",)),
    "NIfTI": (lambda folder: write_scan(folder / "a.nii.gz", HU), ("no DICOM",)),
    "two series": (_two_series, ("2 series", "1.2.3", "arterial", "1.2.4", "venous", "4 file(s)")),
    "slice missing": (lambda folder: write_dicom(folder, HU, AXIAL)[2].unlink(), ("1 slice(s) missing", "2.5 mm")),
    "three missing": (
        lambda folder: [path.unlink() for path in write_dicom(folder, noise(shape=(6, 5, 9)), AXIAL)[3:6]],
        ("3 slice(s) missing", "5 mm"),
    ),
    "uneven": (lambda folder: _moved(folder, 3, 0.4), ("not evenly spaced", "1.65 mm")),
    "one place twice": (lambda folder: _moved(folder, 3, 1.25), ("one position",)),
    "all at one place": (
        lambda folder: [edit(path, ImagePositionPatient=[0, 0, 0]) for path in write_dicom(folder, HU)],
        ("one position",),
    ),
    "other size": (lambda folder: edit(write_dicom(folder, HU, AXIAL)[3], Rows=3, Columns=10), ("size",)),
    "other pixel size": (lambda folder: edit(write_dicom(folder, HU)[3], PixelSpacing=["1", "1"]), ("pixel size",)),
    "other direction": (
        lambda folder: edit(write_dicom(folder, HU, AXIAL)[3], ImageOrientationPatient=[0, 1, 0, 0, 0, -1]),
        ("direction",),
    ),
    "tilted": (_tilted, ("tilted gantry",)),
    "several slices in a file": (_multiframe, ("several slices", "dcm2niix")),
    "colour": (_colour, ("colour",)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_slices_that_make_no_volume(tmp_path: Path, fault: str) -> None:
    damage, words = FAULTS[fault]
    folder = tmp_path / "series"
    damage(folder)
    unreadable(folder, *words)


def test_one_file_of_a_series(tmp_path: Path) -> None:
    path = write_dicom(tmp_path, HU)[0]
    with pytest.raises(DataError) as caught:
        read_header(path)
    one_line(caught.value, path, "folder")


@pytest.mark.parametrize("index", [0, 2, 3])
@pytest.mark.parametrize("length", [200, 600, 2000])
def test_truncated_slice(tmp_path: Path, index: int, length: int) -> None:
    """Also at either end, where no gap in the positions tells of it."""
    path = write_dicom(tmp_path, noise(shape=(40, 40, 4)), AXIAL)[index]
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError) as caught:
        read_voxels(tmp_path)
    one_line(caught.value, path)


def test_real_series_of_a_scanner() -> None:
    """Five slices of a CT (cut to 16x16) among pydicom's test files, against pydicom's own reading."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "98892001" / "CT5N"
    slices = sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda one: one.ImagePositionPatient[2])
    expected = [one.pixel_array.T * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in slices]
    np.testing.assert_array_equal(read_voxels(folder), np.stack(expected, axis=-1))
    header = read_header(folder)
    np.testing.assert_allclose(header.spacing, [*slices[0].PixelSpacing, 2.5])
    place = LPS @ header.affine @ (0, 0, 4, 1)
    np.testing.assert_allclose(place[:3], [float(value) for value in slices[-1].ImagePositionPatient])


def test_a_body_written_and_read_is_the_body(tmp_path: Path) -> None:
    hounsfield = body(ball())
    write_dicom(tmp_path, hounsfield, AXIAL)
    np.testing.assert_array_equal(read_voxels(tmp_path), hounsfield)
    np.testing.assert_allclose(read_header(tmp_path).affine, AXIAL, atol=1e-6)
