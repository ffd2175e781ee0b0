"""Labels turned onto their scans."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from llmseg.data.files import files_of, read_header, read_voxels
from llmseg.data.formats.aligned import aligned, soft_tissue_by_flip
from llmseg.errors import DataError
from tests.data.make import one_line, write_scan
from tests.data.make_volumes import ball, body, write_dicom

AFFINE = np.array([[-0.8, 0, 0, 90.0], [0, -0.8, 0, 60], [0, 0, 1, -200], [0, 0, 0, 1]])
ELSEWHERE = np.diag([0.8, 0.8, 1, 1])  # RAS, where the scan is LPS, and with another origin
ORGAN = ball()
FLIPS = list(product((False, True), repeat=3))


def axes(flips: tuple[bool, ...]) -> tuple[int, ...]:
    return tuple(axis for axis, mirrored in enumerate(flips) if mirrored)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_dicom(tmp_path / "scans" / "series", body(ORGAN), AFFINE)
    return tmp_path / "scans" / "series"


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("affine", [AFFINE, ELSEWHERE], ids=["scan's header", "own header"])
def test_a_label_stored_in_any_way_comes_to_lie_on_the_organ(
    tmp_path: Path, scan: Path, flips: tuple[bool, ...], affine: np.ndarray
) -> None:
    label = write_scan(tmp_path / "labels" / "label0001.nii.gz", np.flip(ORGAN, axes(flips)), affine)
    path = aligned(label, scan)
    np.testing.assert_array_equal(read_voxels(path), ORGAN)
    np.testing.assert_array_equal(read_header(path).affine, read_header(scan).affine)
    assert files_of(path) == [label, *files_of(scan)]


def test_other_order_of_axes(tmp_path: Path, scan: Path) -> None:
    label = write_scan(tmp_path / "label0001.nii.gz", ORGAN.transpose(2, 0, 1), AFFINE[:, [2, 0, 1, 3]])
    np.testing.assert_array_equal(read_voxels(aligned(label, scan)), ORGAN)


def test_scan_in_nifti(tmp_path: Path) -> None:
    image = write_scan(tmp_path / "PANCREAS_0001.nii.gz", body(ORGAN), AFFINE)
    label = write_scan(tmp_path / "label0001.nii.gz", ORGAN[:, ::-1], AFFINE)
    np.testing.assert_array_equal(read_voxels(aligned(label, image)), ORGAN)


def test_shares_say_which_ways_make_soft_tissue() -> None:
    shares = soft_tissue_by_flip(body(ORGAN), ORGAN[::-1])
    assert max(shares, key=lambda flips: shares[flips]) == (True, False, False)
    assert shares[True, False, False] == 1
    # The organ's mirror image shares only so many voxels with it; all else is fat or air.
    overlap = (ORGAN & ORGAN[::-1]).sum() / ORGAN.sum()
    assert shares[False, False, False] == pytest.approx(overlap, abs=1e-6)


def test_a_symmetric_organ_stays_as_stored(tmp_path: Path) -> None:
    organ = ball(centre=(11.5, 9.5, 7.5))
    scan, label = tmp_path / "series", write_scan(tmp_path / "label0001.nii.gz", organ, AFFINE)
    write_dicom(scan, body(organ), AFFINE)
    np.testing.assert_array_equal(read_voxels(aligned(label, scan)), organ)


def test_label_of_another_scan(tmp_path: Path, scan: Path) -> None:
    label = write_scan(tmp_path / "label0001.nii.gz", ball(centre=(12, 3, 12), radius=2.5), AFFINE)
    with pytest.raises(DataError) as caught:
        read_voxels(aligned(label, scan))
    one_line(caught.value, label, scan, "soft tissue")


def test_two_ways_equally_good(tmp_path: Path) -> None:
    """Two organs that mirror each other in X, the label on neither of them as stored."""
    organ = ball(centre=(7, 13, 6))
    scan, label = tmp_path / "series", write_scan(tmp_path / "label0001.nii.gz", organ[:, ::-1], AFFINE)
    write_dicom(scan, body(organ | organ[::-1]), AFFINE)
    with pytest.raises(DataError) as caught:
        read_voxels(aligned(label, scan))
    one_line(caught.value, label, scan, "equally well", "Y", "XY")


def test_scan_not_in_hounsfield_units(tmp_path: Path) -> None:
    scan, label = tmp_path / "series", write_scan(tmp_path / "label0001.nii.gz", ORGAN, AFFINE)
    write_dicom(scan, body(ORGAN) + 1024, AFFINE)
    with pytest.raises(DataError) as caught:
        read_voxels(aligned(label, scan))
    one_line(caught.value, label, "Hounsfield")


def test_other_shape(tmp_path: Path, scan: Path) -> None:
    label = write_scan(tmp_path / "label0001.nii.gz", ORGAN[:, :, 1:], AFFINE)
    with pytest.raises(DataError) as caught:
        read_header(aligned(label, scan))
    one_line(caught.value, label, scan, "24x20x15", "24x20x16")


def test_empty_label_stays_empty(tmp_path: Path, scan: Path) -> None:
    label = write_scan(tmp_path / "label0001.nii.gz", 0 * ORGAN, AFFINE)
    assert not read_voxels(aligned(label, scan)).any()
