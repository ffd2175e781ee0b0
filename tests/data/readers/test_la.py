"""Left Atrium: the challenge's NRRD files and the field's h5 files."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from llmseg.data.config import SplitConfig
from llmseg.data.readers import la_h5, la_raw
from llmseg.data.scan import encode_label, load_scan
from llmseg.data.split import make_split
from llmseg.data.validation import check_cases
from llmseg.errors import DataError
from tests.data.make import AFFINE, one_line, write_text
from tests.data.make_volumes import LA_IDS, ball, write_h5, write_lists, write_nrrd
from tests.data.make_volumes import la_h5 as write_la_h5
from tests.data.make_volumes import la_raw as write_la_raw


def test_raw_cases(tmp_path: Path) -> None:
    cases = la_raw.read(write_la_raw(tmp_path))
    check_cases(cases, labelled=True)
    assert tuple(case.id for case in cases) == LA_IDS
    assert {case.group for case in cases} == set(LA_IDS)
    scan = load_scan(cases[0])
    np.testing.assert_allclose(scan.affine, AFFINE)
    assert scan.label is not None
    np.testing.assert_array_equal(encode_label(scan.label, cases[0].labels, ["left atrium"], False)[0], ball())


def test_raw_scan_without_label_and_label_without_scan(tmp_path: Path) -> None:
    folder = write_la_raw(tmp_path, LA_IDS[:2]) / "Training Set"
    (folder / LA_IDS[0] / "laendo.nrrd").unlink()
    assert [case.label is None for case in la_raw.read(tmp_path)] == [True, False]
    (folder / LA_IDS[1] / "lgemri.nrrd").unlink()
    with pytest.raises(DataError) as caught:
        la_raw.read(tmp_path)
    one_line(caught.value, folder / LA_IDS[1] / "laendo.nrrd", "lgemri.nrrd")


def test_raw_label_of_another_grid(tmp_path: Path) -> None:
    root = write_la_raw(tmp_path, LA_IDS[:2])
    label = write_nrrd(root / "Training Set" / LA_IDS[1] / "laendo.nrrd", ball(), np.eye(4))
    with pytest.raises(DataError) as caught:
        check_cases(la_raw.read(root))
    one_line(caught.value, label, "spacing")


@pytest.mark.parametrize("reader", [la_raw, la_h5])
def test_other_folder(tmp_path: Path, reader: object) -> None:
    write_text(tmp_path / "notes.txt", "")
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError) as caught:
            reader.read(root, "https://example.org")  # type: ignore[attr-defined]
        one_line(caught.value, root, "https://example.org")


def test_h5_cases_and_their_lists(tmp_path: Path) -> None:
    cases = la_h5.read(write_la_h5(tmp_path))
    check_cases(cases, labelled=True)
    assert tuple(case.id for case in cases) == LA_IDS
    split = make_split(cases, SplitConfig(val=0), tmp_path)
    assert (split.train, split.val, split.test) == (LA_IDS[:3], (), LA_IDS[3:])


def test_lists_that_name_files(tmp_path: Path) -> None:
    cases = la_h5.read(write_la_h5(tmp_path))
    write_lists(tmp_path, {"train.list": [f"{LA_IDS[0]}/mri_norm2.h5"], "test.list": [f"{LA_IDS[1]}/mri_norm2.h5"]})
    split = make_split(cases, SplitConfig(val=0), tmp_path)
    assert (split.train, split.test) == (LA_IDS[:1], LA_IDS[1:2])


def test_h5_without_label_is_an_unlabelled_case(tmp_path: Path) -> None:
    root = write_la_h5(tmp_path)
    write_h5(root / "2018LA_Seg_Training Set" / LA_IDS[1] / "mri_norm2.h5", image=ball().astype(np.float32))
    assert [case.label is None for case in la_h5.read(root)] == [False, True, False, False, False]


@pytest.mark.parametrize("fault", ["no image", "damaged"])
def test_faulty_h5(tmp_path: Path, fault: str) -> None:
    path = write_la_h5(tmp_path) / "2018LA_Seg_Training Set" / LA_IDS[1] / "mri_norm2.h5"
    write_h5(path, label=ball()) if fault == "no image" else path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError) as caught:
        la_h5.read(tmp_path)
    one_line(caught.value, path)


def test_real_h5_files_are_the_same_cases_of_the_nnunet_folder(sample_data: Path) -> None:
    root = sample_data / "community_h5" / "LA"
    cases = la_h5.read(root)
    check_cases(cases, labelled=True)
    assert [case.id for case in cases] == ["06SR5RBREL16DQ6M8LWS", "UPT6DX9IQY9JAZ7HJKA7"]
    for case in cases:
        scan = load_scan(case)
        image = nib.load(sample_data / "Dataset101_LeftAtrium" / "imagesTr" / f"{case.id}_0000.nii.gz")
        label = nib.load(sample_data / "Dataset101_LeftAtrium" / "labelsTr" / f"{case.id}.nii.gz")
        # The nnU-Net folder stores the same numbers as integers times a slope: at most half a step apart.
        step = image.dataobj.slope
        assert 0 < step < 0.1
        np.testing.assert_allclose(scan.image[0], image.get_fdata(), atol=0.51 * step)
        np.testing.assert_array_equal(scan.label, np.asarray(label.dataobj))
        np.testing.assert_allclose(scan.spacing, image.header.get_zooms())
    split = make_split(cases, SplitConfig(val=0), root)
    assert (split.train, split.test) == (("06SR5RBREL16DQ6M8LWS",), ("UPT6DX9IQY9JAZ7HJKA7",))
