"""Masks as files: the scan's grid, atomic, described values."""

from pathlib import Path

import numpy as np
import pytest
from nibabel.loadsave import load, save
from nibabel.nifti1 import Nifti1Header, Nifti1Image
from nibabel.nifti2 import Nifti2Image
from PIL import Image

from llmseg.inference.inputs import Input
from llmseg.inference.outputs import mask_paths, volumes, write_mask, write_probabilities
from llmseg.whole import replacing

OBLIQUE = np.array([[0.1, -1.9, 0.3, 20.5], [0.7, 0.2, -0.4, 30], [0.1, 0.2, 2.9, -40], [0, 0, 0, 1]])
LABEL = np.array([0, 1, 2, 2, 1, 0, 0, 0], np.uint8).reshape(1, 2, 2, 2)
REGIONS = np.concatenate([LABEL > 0, LABEL > 1]).astype(np.uint8)


def scan(folder: Path, kind: type[Nifti1Image] = Nifti1Image, **transforms: tuple[np.ndarray | None, int]) -> Input:
    """A scan with scaled voxels and whatever else should not be in its mask."""
    image = kind(np.zeros((2, 2, 2), np.int16), OBLIQUE)
    image.header.set_slope_inter(0.5, 10)
    image.header["cal_max"], image.header["descrip"] = 400, b"name of a patient"
    for name, (affine, code) in transforms.items():
        getattr(image, f"set_{name}")(affine, code)
    save(image, folder / "scan.nii.gz")
    return Input(Path("scan"), (folder / "scan.nii.gz",))


def picture(folder: Path) -> Input:
    Image.fromarray(np.zeros((2, 4), np.uint8)).save(folder / "a.jpg")
    return Input(Path("deep/a"), (folder / "a.jpg",))


@pytest.mark.parametrize("kind", [Nifti1Image, Nifti2Image])
def test_a_mask_has_its_scans_grid_and_nothing_else_of_it(tmp_path: Path, kind: type[Nifti1Image]) -> None:
    source = scan(tmp_path, kind)
    [path] = write_mask(tmp_path / "out", source, LABEL, ["one", "two"], overlapping=False)
    mask, original = load(path), load(source.images[0])
    assert isinstance(mask, kind)
    assert isinstance(original, kind)
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(mask.dataobj), LABEL[0])
    np.testing.assert_array_equal(mask.affine, original.affine)
    assert (mask.header["cal_max"], bytes(mask.header["descrip"])[:1]) == (0, b"\0")
    np.testing.assert_array_equal(mask.header.get_zooms(), original.header.get_zooms())


@pytest.mark.parametrize(("qcode", "scode"), [(1, 0), (0, 1), (1, 2), (0, 0)])
def test_both_transforms_and_their_codes_stay(tmp_path: Path, qcode: int, scode: int) -> None:
    """Other programs read the transform that ours did not."""
    rigid = np.diag([-1.0, 1.0, 2.0, 1.0])
    source = scan(tmp_path, qform=(rigid, qcode), sform=(OBLIQUE, scode))
    [path] = write_mask(tmp_path / "out", source, LABEL, ["one", "two"], overlapping=False)
    mask, original = load(path), load(source.images[0])
    assert isinstance(mask, Nifti1Image)
    assert isinstance(original, Nifti1Image)
    for name in ("qform_code", "sform_code", "quatern_b", "qoffset_x", "srow_x", "srow_y", "srow_z", "pixdim"):
        np.testing.assert_array_equal(mask.header[name], original.header[name], err_msg=name)
    np.testing.assert_array_equal(mask.affine, original.affine)


def test_a_single_class_is_one_regions_have_a_file_each(tmp_path: Path) -> None:
    source = scan(tmp_path)
    [path] = write_mask(tmp_path, Input(Path("m"), source.images), REGIONS[:1], ["one"], overlapping=True)
    assert np.asarray(load(path).dataobj).max() == 1  # type: ignore[attr-defined]
    files = write_mask(tmp_path, Input(Path("m"), source.images), REGIONS, ["whole tumour", "core"], overlapping=True)
    assert [file.name for file in files] == ["m_whole_tumour.nii.gz", "m_core.nii.gz"]
    for file, region in zip(files, REGIONS, strict=True):
        np.testing.assert_array_equal(np.asarray(load(file).dataobj), region)  # type: ignore[attr-defined]


def test_masks_of_pictures(tmp_path: Path) -> None:
    source, label = picture(tmp_path), LABEL.reshape(1, 2, 4, 1)
    [one] = write_mask(tmp_path / "one", source, (label > 0).astype(np.uint8), ["one"], overlapping=False)
    assert one == tmp_path / "one" / "deep" / "a.png"
    np.testing.assert_array_equal(np.asarray(Image.open(one)), 255 * (label[0, ..., 0] > 0))
    [two] = write_mask(tmp_path / "two", source, label, ["one", "two"], overlapping=False)
    np.testing.assert_array_equal(np.asarray(Image.open(two)), label[0, ..., 0])


def test_paths_are_known_beforehand(tmp_path: Path) -> None:
    for source in (scan(tmp_path), picture(tmp_path)):
        shape = (2, 4, 1) if source.is_picture else (2, 2, 2)
        for overlapping, label in ((False, LABEL.reshape(1, *shape)), (True, REGIONS.reshape(2, *shape))):
            written = write_mask(tmp_path / "out", source, label, ["one", "two"], overlapping)
            assert written == mask_paths(tmp_path / "out", source, ["one", "two"], overlapping)


def test_probabilities(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 2, 2, 2)
    [path] = write_probabilities(tmp_path / "p", scan(tmp_path), values, ["one"])
    assert path.name == "scan_one.nii.gz"
    image = load(path)
    assert isinstance(image, Nifti1Image)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.get_fdata(dtype=np.float32), values[0])
    [path] = write_probabilities(tmp_path / "p", picture(tmp_path), values.reshape(1, 2, 4, 1), ["one"])
    np.testing.assert_array_equal(np.asarray(Image.open(path)).ravel(), np.rint(values.ravel() * 255))


def test_volumes_by_hand(tmp_path: Path) -> None:
    """Two voxels of each class, of |det| mm^3; regions overlap."""
    millilitres = 2 * abs(np.linalg.det(OBLIQUE[:3, :3])) / 1000
    rows = volumes(scan(tmp_path), LABEL, ["one", "two"], overlapping=False)
    assert [(row["class"], row["value"], row["voxels"]) for row in rows] == [("one", 1, 2), ("two", 2, 2)]
    assert rows[0]["ml"] == pytest.approx(millilitres)
    rows = volumes(scan(tmp_path), REGIONS, ["one", "two"], overlapping=True)
    assert [(row["class"], row["value"], row["voxels"]) for row in rows] == [("one", 1, 4), ("two", 1, 2)]
    [row] = volumes(picture(tmp_path), REGIONS[:1].reshape(1, 2, 4, 1), ["one"], overlapping=False)
    assert row == {"case": "deep/a", "class": "one", "value": 255, "voxels": 4, "ml": None}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_text() == "old"
    with replacing(path) as temporary:
        assert temporary.suffix == ".png"
        temporary.write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_text() == "new"


def test_a_header_without_transforms_is_no_less_a_grid(tmp_path: Path) -> None:
    header = Nifti1Header()
    header.set_data_shape((2, 2, 2))
    header.set_zooms((1.0, 2.0, 3.0))
    save(Nifti1Image(np.zeros((2, 2, 2), np.int16), None, header), tmp_path / "scan.nii.gz")
    source = Input(Path("scan"), (tmp_path / "scan.nii.gz",))
    [path] = write_mask(tmp_path / "out", source, LABEL, ["one", "two"], overlapping=False)
    mask, original = load(path), load(source.images[0])
    assert isinstance(mask, Nifti1Image)
    assert isinstance(original, Nifti1Image)
    np.testing.assert_array_equal(mask.affine, original.affine)
    assert mask.header.get_zooms() == (1.0, 2.0, 3.0)
