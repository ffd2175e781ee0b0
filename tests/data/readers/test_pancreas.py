"""Pancreas-CT: the archive's DICOM series with NIfTI labels, and the field's two h5 layouts."""

from pathlib import Path

import numpy as np
import pytest

from llmseg.data.config import SplitConfig
from llmseg.data.readers import pancreas, pancreas_h5
from llmseg.data.scan import load_scan
from llmseg.data.split import make_split
from llmseg.data.validation import check_cases
from llmseg.errors import ConfigError, DataError
from tests.data.make import one_line, write_scan, write_text
from tests.data.make_volumes import ball, body, write_dicom
from tests.data.make_volumes import pancreas as write_pancreas
from tests.data.make_volumes import pancreas_h5 as write_pancreas_h5

FIELD = SplitConfig(val=0)


@pytest.mark.parametrize("flip", [(), (1,), (0, 2)])
def test_archive(tmp_path: Path, flip: tuple[int, ...]) -> None:
    cases = pancreas.read(write_pancreas(tmp_path, flip=flip))
    check_cases(cases, labelled=True)
    assert [case.id for case in cases] == [f"PANCREAS_{number:04d}" for number in (1, 2, 3, 4)]
    for number, case in enumerate(cases, start=1):
        scan = load_scan(case)
        np.testing.assert_array_equal(scan.image[0], body(ball(), number))
        np.testing.assert_array_equal(scan.label, ball())
        np.testing.assert_allclose(scan.spacing, [0.8, 0.8, 1])


def test_scans_converted_to_nifti(tmp_path: Path) -> None:
    write_scan(tmp_path / "PANCREAS_0001.nii.gz", body(ball()))
    write_scan(tmp_path / "label0001.nii.gz", ball()[:, ::-1])
    [case] = pancreas.read(tmp_path)
    np.testing.assert_array_equal(load_scan(case).label, ball())


def test_labels_of_withdrawn_scans_are_left_out_and_scans_without_label_are_unlabelled(tmp_path: Path) -> None:
    root = write_pancreas(tmp_path, (1, 2))
    write_scan(root / "TCIA_pancreas_labels-02-05-2017" / "label0025.nii.gz", ball())
    (root / "Pancreas-CT" / "PANCREAS_0025").mkdir()
    (root / "TCIA_pancreas_labels-02-05-2017" / "label0002.nii.gz").unlink()
    cases = pancreas.read(root)
    assert [(case.id, case.label is None) for case in cases] == [("PANCREAS_0001", False), ("PANCREAS_0002", True)]


def test_crops_of_one_scan_are_one_patient() -> None:
    assert [pancreas.patient(f"PANCREAS_{number}") for number in ("0002", "0025", "0070", "0071")] == [
        "PANCREAS_0002", "PANCREAS_0002", "PANCREAS_0002", "PANCREAS_0071",
    ]  # fmt: skip


def test_two_series_of_one_scan(tmp_path: Path) -> None:
    root = write_pancreas(tmp_path, (1,))
    second = root / "Pancreas-CT" / "PANCREAS_0001" / "second"
    write_dicom(second, body(ball()))
    with pytest.raises(DataError) as caught:
        pancreas.read(root)
    one_line(caught.value, second, "PANCREAS_0001", "twice")


def test_label_twice(tmp_path: Path) -> None:
    root = write_pancreas(tmp_path, (1,))
    second = write_scan(root / "b" / "label0001.nii", ball())
    with pytest.raises(DataError) as caught:
        pancreas.read(root)
    one_line(caught.value, second, "twice")


def test_label_of_another_scan_is_found_before_training(tmp_path: Path) -> None:
    root = write_pancreas(tmp_path, (1, 2))
    label = root / "TCIA_pancreas_labels-02-05-2017" / "label0002.nii.gz"
    write_scan(label, ball(centre=(12, 3, 12), radius=2.5))
    with pytest.raises(DataError) as caught:
        load_scan(pancreas.read(root)[1])
    one_line(caught.value, label, "soft tissue")


def test_no_scans(tmp_path: Path) -> None:
    write_text(tmp_path / "notes.txt", "")
    with pytest.raises(DataError) as caught:
        pancreas.read(tmp_path, "https://example.org")
    one_line(caught.value, tmp_path, "https://example.org")


def test_protocol_a(tmp_path: Path) -> None:
    cases = pancreas_h5.read(write_pancreas_h5(tmp_path, "a"), "a")
    check_cases(cases, labelled=True)
    np.testing.assert_array_equal(load_scan(cases[0]).label, ball())
    split = make_split(cases, FIELD, tmp_path)
    assert (split.train, split.test) == (("image0001", "image0002", "image0003"), ("image0004", "image0005"))


@pytest.mark.parametrize("prefix", ["", "data"])
def test_protocol_b_trains_on_the_labelled_list_first(tmp_path: Path, prefix: str) -> None:
    write_pancreas_h5(tmp_path, "b")
    for path in list(tmp_path.glob("*.h5")):
        path.rename(tmp_path / f"{prefix}{path.name}")
    for path in tmp_path.glob("*.txt"):
        path.write_text("".join(f"{prefix}{line}\n" for line in path.read_text().split()))
    cases = pancreas_h5.read(tmp_path, "b")
    check_cases(cases, labelled=True)
    split = make_split(cases, FIELD, tmp_path)
    assert split.train == (f"{prefix}0002", f"{prefix}0003", f"{prefix}0001")
    assert split.test == (f"{prefix}0004", f"{prefix}0005")


def test_files_of_one_protocol_are_not_taken_for_the_other(tmp_path: Path) -> None:
    for protocol, other, example in (("a", "b", "0001.h5"), ("b", "a", "image0001_norm.h5")):
        root = write_pancreas_h5(tmp_path / protocol, protocol)
        with pytest.raises(DataError) as caught:
            pancreas_h5.read(root, other, "https://example.org")
        one_line(caught.value, root, example, "https://example.org")
    with pytest.raises(ConfigError) as wrong:
        pancreas_h5.read(tmp_path, "c")
    one_line(wrong.value, "a or b")


def test_missing_unlabelled_list(tmp_path: Path) -> None:
    cases = pancreas_h5.read(write_pancreas_h5(tmp_path, "b"), "b")
    (tmp_path / "train_unlab.txt").unlink()
    with pytest.raises(DataError) as caught:
        make_split(cases, FIELD, tmp_path)
    one_line(caught.value, tmp_path / "train_unlab.txt", "no such file")
