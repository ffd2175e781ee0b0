"""nnU-Net raw folders."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmseg.data.readers.nnunet import Facts, describe, read
from llmseg.data.scan import load_scan
from llmseg.errors import DataError
from tests.data.make import nnunet_folder, noise, one_line, write_scan, write_text

GOOD: dict[str, Any] = {"channel_names": {"0": "MRI"}, "labels": {"background": 0, "one": 1}}


def test_cases_with_all_channels_in_order(tmp_path: Path) -> None:
    found = read(nnunet_folder(tmp_path, ["b", "a_x"], channels=2))
    assert [case.id for case in found] == ["a_x", "b"]
    assert found[0].images == tuple(tmp_path / "imagesTr" / f"a_x_{channel:04d}.nii.gz" for channel in range(2))
    assert found[0].label == tmp_path / "labelsTr" / "a_x.nii.gz"
    assert found[0].group == "a_x"
    assert found[0].labels == {"one": (1,), "two": (2,)}


def test_uncompressed_files(tmp_path: Path) -> None:
    write_text(tmp_path / "dataset.json", json.dumps(GOOD))
    image = write_scan(tmp_path / "imagesTr" / "a_0000.nii", noise())
    label = write_scan(tmp_path / "labelsTr" / "a.nii", noise())
    [case] = read(tmp_path)
    assert (case.images, case.label) == ((image,), label)


def test_facts_of_exclusive_classes(tmp_path: Path) -> None:
    assert describe(nnunet_folder(tmp_path, ["a"], channels=3)) == Facts(3, {"one": (1,), "two": (2,)}, False)


def test_facts_of_regions(tmp_path: Path) -> None:
    regions = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}
    dataset = GOOD | {"labels": regions, "regions_class_order": [1, 2, 3]}
    nnunet_folder(tmp_path, ["a"], dataset=dataset)
    assert describe(tmp_path) == Facts(1, {"whole": (1, 2, 3), "core": (2, 3), "enhancing": (3,)}, True)


def test_labelled_test_folder_is_read_and_an_unlabelled_one_is_not(tmp_path: Path) -> None:
    nnunet_folder(tmp_path, ["a"])
    write_scan(tmp_path / "imagesTs" / "t_0000.nii.gz", noise())
    assert [case.id for case in read(tmp_path)] == ["a"]
    write_scan(tmp_path / "labelsTs" / "t.nii.gz", noise())
    assert [case.id for case in read(tmp_path)] == ["a", "t"]


@pytest.mark.parametrize("part", ["Tr", "Ts"])
def test_image_without_label(tmp_path: Path, part: str) -> None:
    nnunet_folder(nnunet_folder(tmp_path, ["a"]), ["b"], part=part)
    stray = write_scan(tmp_path / f"images{part}" / "c_0000.nii.gz", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    one_line(caught.value, stray, "without a label")


def test_label_without_image(tmp_path: Path) -> None:
    stray = write_scan(nnunet_folder(tmp_path, ["a"]) / "labelsTr" / "b.nii.gz", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    one_line(caught.value, stray, "without an image")


def test_missing_channel(tmp_path: Path) -> None:
    nnunet_folder(tmp_path, ["a", "b"], channels=2)
    (tmp_path / "imagesTr" / "b_0001.nii.gz").unlink()
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    one_line(caught.value, tmp_path / "imagesTr", "b_0001")


def test_channel_too_many(tmp_path: Path) -> None:
    stray = write_scan(nnunet_folder(tmp_path, ["a"]) / "imagesTr" / "a_0001.nii.gz", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    one_line(caught.value, stray, "channel 1")


def test_one_channel_in_two_files(tmp_path: Path) -> None:
    stray = write_scan(nnunet_folder(tmp_path, ["a"]) / "imagesTr" / "a_0000.nii", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    one_line(caught.value, stray, tmp_path / "imagesTr" / "a_0000.nii.gz")


def test_image_without_channel_number(tmp_path: Path) -> None:
    stray = write_scan(nnunet_folder(tmp_path, ["a"]) / "imagesTr" / "b.nii.gz", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    one_line(caught.value, stray, "b_0000")


def test_no_scans(tmp_path: Path) -> None:
    write_text(tmp_path / "dataset.json", json.dumps(GOOD))
    with pytest.raises(DataError) as caught:
        read(tmp_path, source="https://example.org")
    one_line(caught.value, tmp_path / "imagesTr", "https://example.org")


def test_missing_root_and_missing_dataset_json(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "none", source="https://example.org")
    one_line(caught.value, tmp_path / "none", "https://example.org")
    write_text(tmp_path / "readme.txt", "")
    with pytest.raises(DataError) as caught:
        read(tmp_path, source="https://example.org")
    one_line(caught.value, tmp_path / "dataset.json", "https://example.org")


BROKEN: dict[str, tuple[str, str]] = {
    "not JSON": ('{"labels": {"a": 1}', "not valid JSON"),
    "a list": ("[]", "object"),
    "no labels": (json.dumps({"channel_names": {"0": "CT"}}), "'labels'"),
    "no channels": (json.dumps({"labels": {"a": 1}}), "'channel_names'"),
    "channels a list": (json.dumps(GOOD | {"channel_names": ["CT"]}), "'channel_names'"),
    "channels from one": (json.dumps(GOOD | {"channel_names": {"1": "CT"}}), "'channel_names'"),
    "only background": (json.dumps(GOOD | {"labels": {"background": 0}}), "no class"),
    "text label": (json.dumps(GOOD | {"labels": {"a": "1"}}), "'a'"),
    "zero label": (json.dumps(GOOD | {"labels": {"a": 0}}), "'a'"),
    "boolean label": (json.dumps(GOOD | {"labels": {"a": True}}), "'a'"),
    "mixed region": (json.dumps(GOOD | {"labels": {"a": [1, "2"]}}), "'a'"),
    "ignore label": (json.dumps(GOOD | {"labels": {"a": 1, "ignore": 2}}), "ignore"),
    "decathlon": (json.dumps({"modality": {"0": "MRI"}, "labels": {"0": "background"}}), "nnUNetv2_convert_MSD"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_dataset_json(tmp_path: Path, fault: str) -> None:
    content, words = BROKEN[fault]
    path = write_text(tmp_path / "dataset.json", content)
    with pytest.raises(DataError) as caught:
        describe(tmp_path)
    one_line(caught.value, path, words)


def test_real_hippocampi(sample_data: Path) -> None:
    root = sample_data / "Dataset104_Hippocampus"
    found = read(root)
    assert len(found) == 130
    assert describe(root).classes == {"anterior": (1,), "posterior": (2,)}
    scan = load_scan(found[0])
    assert scan.label is not None
    assert scan.image.shape[1:] == scan.label.shape
    assert set(scan.label.flat) == {0, 1, 2}
