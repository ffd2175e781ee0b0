"""Voxels of a case, and labels as targets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from nibabel.nifti1 import Nifti1Image

from llmseg.data.readers.brats import REGIONS
from llmseg.data.scan import check_classes, encode_label, load_scan
from llmseg.errors import ConfigError, DataError
from tests.data.make import AFFINE, case, mask, noise, one_line, write_scan

EXCLUSIVE = {"one": (1,), "two": (2,), "rest": (5, 7)}


def test_scan_has_the_voxels_and_grid_of_its_files(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    both = replace(one, images=(*one.images, write_scan(tmp_path / "a" / "second.nii", noise(1))))
    scan = load_scan(both)
    assert scan.image.dtype == np.float32
    np.testing.assert_array_equal(scan.image, np.stack([noise(0), noise(1)]))
    assert scan.label is not None
    np.testing.assert_array_equal(scan.label, mask((0, 1, 2)))
    np.testing.assert_array_equal(scan.affine, AFFINE)
    np.testing.assert_array_equal(scan.spacing, [1, 1.5, 2])


def test_label_is_left_out_on_demand_or_when_there_is_none(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    assert load_scan(replace(one, label=None)).label is None
    assert one.label is not None
    one.label.unlink()
    assert load_scan(one, label=False).label is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_counted(tmp_path: Path, value: float) -> None:
    image = noise().astype(np.float32)
    image[0, 0, :3] = value
    one = case(tmp_path / "a", image=image)
    with pytest.raises(DataError) as caught:
        load_scan(one)
    one_line(caught.value, one.images[0], "3 of 120 voxels")


def test_constant_image(tmp_path: Path) -> None:
    one = case(tmp_path / "a", image=np.full((6, 5, 4), 7, np.int16))
    with pytest.raises(DataError) as caught:
        load_scan(one)
    one_line(caught.value, one.images[0], "constant", "7")


def test_unknown_label_values_are_listed(tmp_path: Path) -> None:
    one = case(tmp_path / "a", label=mask((0, 1, 3, 9)))
    with pytest.raises(DataError) as caught:
        load_scan(one)
    one_line(caught.value, one.label, "3, 9", "known: 0, 1, 2")


def test_negative_label_values_are_unknown_too(tmp_path: Path) -> None:
    one = case(tmp_path / "a", label=mask((0, 1)).astype(np.int16) * -1)
    with pytest.raises(DataError) as caught:
        load_scan(one)
    one_line(caught.value, one.label, "-1")


def test_floating_point_label_of_whole_numbers(tmp_path: Path) -> None:
    scan = load_scan(case(tmp_path / "a", label=mask((0, 1, 2)).astype(np.float32)))
    assert scan.label is not None
    assert scan.label.dtype.kind == "i"
    np.testing.assert_array_equal(scan.label, mask((0, 1, 2)))


def test_scaled_label(tmp_path: Path) -> None:
    # 255 * float32(1 / 255) is 1 only up to rounding
    image = Nifti1Image(mask((0, 255)), AFFINE)
    image.header.set_slope_inter(1, 0)
    one = case(tmp_path / "a")
    assert one.label is not None
    image.to_filename(tmp_path / "mask.nii")
    content = bytearray((tmp_path / "mask.nii").read_bytes())
    content[112:116] = np.float32(1 / 255).tobytes()  # scl_slope
    (tmp_path / "mask.nii").write_bytes(bytes(content))
    scan = load_scan(replace(one, label=tmp_path / "mask.nii"))
    assert scan.label is not None
    np.testing.assert_array_equal(scan.label, mask((0, 1)))


@pytest.mark.parametrize(("value", "words"), [(0.5, "0.5"), (np.nan, "NaN"), (1e12, "1e+12")])
def test_probability_map_is_no_label(tmp_path: Path, value: float, words: str) -> None:
    label = mask().astype(np.float32)
    label[1, 1, 1] = value
    one = case(tmp_path / "a", label=label)
    with pytest.raises(DataError) as caught:
        load_scan(one)
    one_line(caught.value, one.label, words)


@pytest.mark.parametrize("shift", [[5, 0, 0], [0, 0, -2]])
def test_label_elsewhere_in_space_is_refused_when_loading(tmp_path: Path, shift: list[float]) -> None:
    affine = AFFINE.copy()
    affine[:3, 3] += shift
    one = case(tmp_path / "a", affine=affine)
    with pytest.raises(DataError) as caught:
        load_scan(one)
    one_line(caught.value, one.images[0], one.label, "affine")


def test_exclusive_classes_become_an_index_map() -> None:
    raw = np.array([[[0, 1, 2, 5, 7]]])
    encoded = encode_label(raw, EXCLUSIVE, ["one", "two", "rest"], overlapping=False)
    assert encoded.dtype == np.uint8
    assert encoded.tolist() == [[[[0, 1, 2, 3, 3]]]]


def test_selected_classes_in_another_order_and_the_rest_as_background() -> None:
    raw = np.array([[[0, 1, 2, 5, 7]]])
    assert encode_label(raw, EXCLUSIVE, ["rest", "one"], overlapping=False).tolist() == [[[[0, 2, 0, 1, 1]]]]


def test_regions_of_brats_2018() -> None:
    raw = np.array([[[0, 1, 2, 4]]])
    encoded = encode_label(raw, REGIONS["2018"], list(REGIONS["2018"]), overlapping=True)
    # whole tumour, tumour core, enhancing tumour (Menze et al. 2015, section II-D)
    assert encoded.tolist() == [[[[0, 1, 1, 1]]], [[[0, 1, 0, 1]]], [[[0, 0, 0, 1]]]]


@given(arrays.arrays(np.uint8, (3, 4, 2), elements=st.sampled_from([0, 1, 2, 5, 7])))
def test_encoding_keeps_every_voxel_of_a_class(raw: np.ndarray) -> None:
    index = encode_label(raw, EXCLUSIVE, list(EXCLUSIVE), overlapping=False)[0]
    regions = encode_label(raw, EXCLUSIVE, list(EXCLUSIVE), overlapping=True)
    for number, values in enumerate(EXCLUSIVE.values()):
        expected = sum((raw == value) for value in values).astype(bool)  # type: ignore[union-attr]
        np.testing.assert_array_equal(index == number + 1, expected)
        np.testing.assert_array_equal(regions[number], expected)


def test_unknown_class_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        check_classes(REGIONS["2018"], ["whole_tumor"], overlapping=True)
    one_line(caught.value, "data.classes", "'whole_tumor'", "did you mean 'whole_tumour'?")
    with pytest.raises(ConfigError) as caught:
        check_classes(EXCLUSIVE, ["xyz"], overlapping=False)
    one_line(caught.value, "one, two, rest")


def test_classes_that_cannot_be_exclusive() -> None:
    with pytest.raises(ConfigError) as caught:
        encode_label(np.zeros((1, 1, 1), int), REGIONS["2018"], ["whole_tumour", "tumour_core"], overlapping=False)
    one_line(caught.value, "whole_tumour", "tumour_core", "data.overlapping=true")


def test_class_named_twice() -> None:
    with pytest.raises(ConfigError, match="twice"):
        check_classes(EXCLUSIVE, ["one", "one"], overlapping=False)
