"""Checks of headers before training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llmseg.data.readers import nnunet
from llmseg.data.validation import check_cases, read_common_header, shorten
from llmseg.errors import DataError
from tests.data.make import AFFINE, case, mask, nnunet_folder, noise, one_line, write_scan


def test_sound_cases_pass(tmp_path: Path) -> None:
    check_cases([case(tmp_path / name) for name in "abc"], labelled=True)


def test_two_patients_with_one_id(tmp_path: Path) -> None:
    one, two = case(tmp_path / "HGG" / "a"), case(tmp_path / "LGG" / "a")
    with pytest.raises(DataError) as caught:
        check_cases([one, two])
    one_line(caught.value, one.images[0], two.images[0], "'a'")


def test_shapes_that_differ(tmp_path: Path) -> None:
    one = case(tmp_path / "a", label=mask(shape=(6, 5, 3)))
    with pytest.raises(DataError) as caught:
        check_cases([one])
    one_line(caught.value, one.images[0], one.label, "shape", "6x5x3", "6x5x4", "resample the label")


def test_spacings_that_differ(tmp_path: Path) -> None:
    one = case(tmp_path / "a", affine=AFFINE @ np.diag([1, 1, 1.01, 1]))
    with pytest.raises(DataError) as caught:
        check_cases([one])
    one_line(caught.value, one.images[0], one.label, "spacing", "2.02")


def _flipped() -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 0], affine[0, 3] = 1, 15  # the same box, left and right exchanged
    return affine


def _moved(by: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[1, 3] += by
    return affine


@pytest.mark.parametrize(("affine", "apart"), [(_flipped(), "5 mm"), (_moved(3), "3 mm"), (_moved(0.2), "0.2 mm")])
def test_affines_that_differ(tmp_path: Path, affine: np.ndarray, apart: str) -> None:
    one = case(tmp_path / "a", affine=affine)
    with pytest.raises(DataError) as caught:
        check_cases([one])
    one_line(caught.value, one.images[0], one.label, "affine", apart)


def test_rounding_of_an_affine_is_no_difference(tmp_path: Path) -> None:
    check_cases([case(tmp_path / "a", affine=_moved(1e-3))])


def test_channels_that_differ(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    second = write_scan(tmp_path / "a" / "t2.nii.gz", noise(shape=(6, 5, 5)))
    with pytest.raises(DataError) as caught:
        read_common_header(replace(one, images=(*one.images, second)))
    one_line(caught.value, second, "this channel")


def test_missing_label(tmp_path: Path) -> None:
    one = replace(case(tmp_path / "a"), label=None)
    check_cases([one], labelled=False)
    with pytest.raises(DataError) as caught:
        check_cases([one], labelled=True)
    one_line(caught.value, one.images[0], "label")


def test_unreadable_header(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    one.images[0].write_text("not a scan")
    with pytest.raises(DataError) as caught:
        check_cases([one])
    one_line(caught.value, one.images[0])


def test_all_faulty_cases_are_in_the_one_line(tmp_path: Path) -> None:
    cases = [case(tmp_path / name, label=mask(shape=(6, 5, 3)) if name in "bdf" else None) for name in "abcdef"]
    with pytest.raises(DataError) as caught:
        check_cases(cases)
    one_line(caught.value, cases[1].label, "2 more faulty cases: d, f")


def test_long_lists_are_cut() -> None:
    assert shorten("abcdefg") == "a, b, c, d, e, ..."
    assert shorten("ab") == "a, b"


def test_many_cases(tmp_path: Path) -> None:
    check_cases(nnunet.read(nnunet_folder(tmp_path, [f"c{number:03d}" for number in range(60)])), labelled=True)


def test_sample_data_are_sound(sample_data: Path) -> None:
    check_cases(nnunet.read(sample_data / "Dataset104_Hippocampus"), labelled=True)
    check_cases(nnunet.read(sample_data / "Dataset101_LeftAtrium"), labelled=True)
