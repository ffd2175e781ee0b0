"""From volumes with masks to summary.jsonl."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from llmseg.data.boxes.channels import channels_of
from llmseg.data.boxes.config import MakeConfig
from llmseg.data.boxes.make import make_boxes, make_case
from llmseg.data.boxes.pictures import load, window_of
from llmseg.data.boxes.planes import PLANES, axis_of, left_is
from llmseg.data.boxes.records import read_records
from llmseg.data.boxes.sample import Record
from llmseg.data.cases import Case
from llmseg.data.config import DataConfig, SplitConfig
from llmseg.data.readers import brats
from llmseg.errors import ConfigError, DataError
from tests.data.boxes.slices import BLOCK, EXPECTED, SHAPE, SPACINGS, as_stored, case, volume
from tests.data.make import one_line, write_scan, write_text

ALL = MakeConfig(slices=None, min_area=1, format="png")


def config(root: Path, **changes: Any) -> DataConfig:
    given = {"name": "hand", "source": "", "root": str(root), "channels": 1, "classes": ["one", "two"], **changes}
    return DataConfig(reader=None, **given)


def of(made: Case, choice: MakeConfig, folder: Path, classes: tuple[str, ...] = ("one", "two")) -> list[Record]:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    channels = channels_of(config(folder), made)
    return make_case(made, classes, choice, channels, "RAS", folder)


@pytest.mark.parametrize("axes", ["RAS", "LAS"])
@pytest.mark.parametrize("plane", PLANES)
def test_known_boxes_whatever_way_the_file_lies(plane: str, axes: str, tmp_path: Path) -> None:
    records = of(case(tmp_path / "a", axes), replace(ALL, plane=plane), tmp_path / "out")
    block = BLOCK[axis_of(plane)]
    assert [record.slice for record in records] == list(range(block.start, block.stop))
    assert {record.boxes for record in records} == {(EXPECTED[plane],)}
    assert {record.spacing for record in records} == {SPACINGS[plane]}
    if left_is(plane) is not None:  # the block is on the patient's left
        is_right_half = EXPECTED[plane].x1 >= SHAPE[0] / 2
        assert left_is(plane) == ("right" if is_right_half else "left")


@pytest.mark.parametrize("axes", ["RAS", "LAS"])
def test_images_are_the_windowed_slices(axes: str, tmp_path: Path) -> None:
    records = of(case(tmp_path / "a", axes), replace(ALL, plane="axial"), tmp_path / "out")
    image, _ = volume()
    low, high = np.percentile(image, [1, 99])
    for record in records:
        shown = np.rint(255 * np.clip((image[:, :, record.slice] - low) / (high - low), 0, 1))
        np.testing.assert_array_equal(load(record.images["image"]), np.rot90(shown)[:, ::-1])


def test_window_is_of_the_non_zero_voxels() -> None:
    values = np.zeros((10, 10, 10), np.float32)
    values[:, :, 0] = np.arange(100).reshape(10, 10)
    assert window_of(values) == pytest.approx(np.percentile(np.arange(1, 100), [1, 99]))
    assert window_of((values > 0).astype(np.float32)) == (0, 1)


def test_which_classes(tmp_path: Path) -> None:
    (record,) = of(case(tmp_path / "a"), replace(ALL, plane="axial"), tmp_path / "out", ("two",))
    assert record.boxes == ((9, 3, 10, 4),)


def test_which_slices(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    for index, side in enumerate((0, 1, 2, 3, 4, 3, 2, 0)):
        mask[:side, :side, index] = 1
    image, _ = volume()
    image[..., 7] = 0
    files = write_scan(tmp_path / "i.nii.gz", image), write_scan(tmp_path / "l.nii.gz", mask)
    made = Case("a", files[:1], files[1], "a", {"one": (1,)})

    def indices(**changes: Any) -> list[int | None]:
        records = of(made, replace(ALL, plane="axial", **changes), tmp_path / "out", ("one",))
        assert all(bool(record.boxes) == bool(mask[..., record.slice or 0].any()) for record in records)
        return [record.slice for record in records]

    assert indices() == [1, 2, 3, 4, 5, 6]
    assert indices(min_area=4) == [2, 3, 4, 5, 6]
    assert indices(min_area=4, slices=1) == [4]
    assert indices(slices=3) == [2, 4, 6]
    assert indices(slices=3, choose="largest") == [3, 4, 5]
    assert indices(slices=1, empty=5) == [0, 4], "slice 7 is black: nothing to be asked there"
    assert indices(min_area=17) == []


def test_one_box_or_one_a_component(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[0:3, 0:3, 2] = 1
    mask[8:12, 7:9, 2] = 2
    mask[5, 5, 2] = 1
    label = write_scan(tmp_path / "l.nii.gz", mask, np.eye(4))
    image = write_scan(tmp_path / "i.nii.gz", volume()[0], np.eye(4))
    made = Case("a", (image,), label, "a", {"one": (1,), "two": (2,)})
    (record,) = of(made, replace(ALL, plane="axial"), tmp_path / "out")
    assert record.boxes == ((0, 1, 12, 10),)
    (record,) = of(made, replace(ALL, plane="axial", boxes="components", min_area=2), tmp_path / "out")
    assert record.boxes == ((9, 7, 12, 10), (0, 1, 4, 3))


def data_set(root: Path, count: int = 4) -> list[Case]:
    return [case(root / f"case{number}", "LAS" if number % 2 else "RAS") for number in range(count)]


def test_folder_is_whole_and_read_again(tmp_path: Path) -> None:
    cases = data_set(tmp_path / "scans")
    made = make_boxes(config(tmp_path / "scans"), lambda _: cases, replace(ALL, output=str(tmp_path / "out")))
    found = read_records(tmp_path / "out" / "summary.jsonl")
    assert [record.case for record in found] == [f"case{n}" for n in range(4) for _ in range(3)]
    assert [record.boxes for record in found] == [record.boxes for record in made.records]
    names = [record.images["image"].name for record in found]
    assert len(set(names)) == len(names)
    assert names[:3] == ["case0_2_0.png", "case0_3_0.png", "case0_4_0.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "scans"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["images", "summary.jsonl"]
    assert (made.split, made.left_out) == (None, ())


def test_a_known_division_goes_along(tmp_path: Path) -> None:
    cases = data_set(tmp_path / "scans")
    mask = np.zeros(SHAPE, np.uint8)
    write_scan(tmp_path / "scans" / "case1" / "label.nii.gz", *as_stored(mask, "LAS"))
    lists = {"train": ["case3", "case1"], "val": ["case2"], "test": ["case0"]}
    write_text(tmp_path / "scans" / "split.json", json.dumps(lists))
    made = make_boxes(config(tmp_path / "scans"), lambda _: cases, replace(ALL, output=str(tmp_path / "out")))
    assert json.loads((tmp_path / "out" / "split.json").read_text()) == {**lists, "train": ["case3"]}
    assert made.left_out == ("case1",)


def test_a_division_that_is_asked_for_opens_only_its_cases(tmp_path: Path) -> None:
    cases = data_set(tmp_path / "scans")
    said = config(tmp_path / "scans", labelled=2, split=SplitConfig(test=0.3))
    made = make_boxes(said, lambda _: cases, replace(ALL, output=str(tmp_path / "out")))
    assert made.split is not None
    assert (len(made.split.train), len(made.split.test)) == (2, 1)
    assert {record.case for record in made.records} == {*made.split.train, *made.split.test}


def test_nothing_is_left_behind_by_a_broken_case(tmp_path: Path) -> None:
    cases = data_set(tmp_path / "scans")
    (tmp_path / "scans" / "case3" / "label.nii.gz").write_bytes(b"\x1f\x8bbroken")
    with pytest.raises(DataError) as caught:
        make_boxes(config(tmp_path / "scans"), lambda _: cases, replace(ALL, output=str(tmp_path / "out")))
    one_line(caught.value, "case3")
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


@pytest.mark.parametrize(
    ("changes", "data", "words"),
    [
        ({"plane": "saggital"}, {}, "did you mean sagittal?"),
        ({"choose": "best"}, {}, "choose=best: choose even or largest"),
        ({"boxes": "two"}, {}, "boxes=two: choose one or components"),
        ({"format": "tif"}, {}, "format=tif: choose jpg or png"),
        ({"slices": 0}, {}, "slices=0: give 1 or more"),
        ({"min_area": 0}, {}, "min_area=0"),
        ({"empty": -1}, {}, "empty=-1"),
        ({"classes": []}, {}, "classes=[]"),
        ({"classes": ["tow"]}, {}, "unknown class 'tow': did you mean 'two'?"),
        ({"output": "."}, {}, "not empty"),
        ({"min_area": 1000}, {}, "lower min_area"),
        ({}, {"orientation": "LPS"}, "data.orientation=LPS"),
        ({}, {"channels": 2}, "data.channels=2"),
    ],
)
def test_mistakes(
    changes: dict[str, Any], data: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = data_set(tmp_path / "scans", 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigError, DataError)) as caught:
        make_boxes(config(tmp_path / "scans", **data), lambda _: cases, replace(ALL, **{"output": "out", **changes}))
    one_line(caught.value, words)
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


def test_names_of_channels(tmp_path: Path) -> None:
    def names(count: int, **changes: Any) -> list[tuple[str, int, int]]:
        made = Case("a", tuple(Path(str(n)) for n in range(count)), None, "a")
        return [tuple(each) for each in channels_of(config(tmp_path, **changes), made)]

    post = [("t2f", 0, 0), ("t2w", 2, 3), ("t1n", 3, 1), ("t1c", 4, 2)]
    assert names(4, modalities=["flair", "t1", "t1ce", "t2"]) == post
    assert names(2, modalities=["t1c", "t2f"]) == [("t2f", 0, 1), ("t1c", 4, 0)]
    assert names(1) == [("image", 0, 0)]
    assert names(2) == [("image 0", 0, 0), ("image 1", 1, 1)]
    write_text(tmp_path / "dataset.json", json.dumps({"channel_names": {"1": "T2", "0": "LGE-MRI"}}))
    assert names(2) == [("LGE-MRI", 0, 0), ("T2", 1, 1)]


@pytest.mark.parametrize("plane", PLANES)
def test_real_tumours(plane: str, sample_data: Path, tmp_path: Path) -> None:
    """Against the bounding box of the mask's non-zero pixels, by nibabel and numpy alone."""
    root = sample_data / "BraTS"
    cases = brats.read(root, ["flair"])
    said = config(root, modalities=["flair"], classes=["whole_tumour"], overlapping=True)
    made = make_boxes(said, lambda _: cases, MakeConfig(str(tmp_path / "out"), plane, slices=3))
    assert [record.case for record in made.records] == [each.id for each in cases for _ in range(3)]
    axis = ("sagittal", "coronal", "axial").index(plane)
    found = read_records(tmp_path / "out" / "summary.jsonl")
    for each in cases:
        label = nib.as_closest_canonical(nib.load(str(each.label)))
        tumour = np.asarray(label.dataobj) > 0
        zooms = [float(zoom) for n, zoom in enumerate(label.header.get_zooms()) if n != axis]
        for record in (record for record in found if record.case == each.id):
            assert record.slice is not None
            pixels = np.argwhere(tumour.take(record.slice, axis))
            width, height = tumour.take(0, axis).shape
            (left, low), (right, high) = pixels.min(0), pixels.max(0)
            assert len(pixels) >= 50
            assert record.boxes == ((width - 1 - right, height - 1 - high, width - left, height - low),)
            assert load(record.images["t2f"]).shape == (height, width)
            assert list(record.spacing or ()) == pytest.approx(zooms)
            assert record.group == brats.patient(each.id)


def test_an_empty_folder_may_be_there_but_not_a_file(tmp_path: Path) -> None:
    cases = data_set(tmp_path / "scans", 1)
    (tmp_path / "out").mkdir()
    make_boxes(config(tmp_path / "scans"), lambda _: cases, replace(ALL, output=str(tmp_path / "out")))
    assert read_records(tmp_path / "out" / "summary.jsonl")
    below = tmp_path / "out" / "summary.jsonl" / "more"
    with pytest.raises(DataError) as caught:
        make_boxes(config(tmp_path / "scans"), lambda _: cases, replace(ALL, output=str(below)))
    one_line(caught.value, f"output={below}: cannot write")


def test_cases_without_a_mask_are_passed_over(tmp_path: Path) -> None:
    cases = data_set(tmp_path / "scans", 2)
    bare = [replace(cases[0], label=None), cases[1]]
    made = make_boxes(config(tmp_path / "scans"), lambda _: bare, replace(ALL, output=str(tmp_path / "out")))
    assert {record.case for record in made.records} == {"case1"}
    with pytest.raises(DataError, match="no case has a mask"):
        make_boxes(config(tmp_path / "scans"), lambda _: bare[:1], replace(ALL, output=str(tmp_path / "other")))
