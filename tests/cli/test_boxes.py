"""`python -m llmseg.cli.boxes`: from a data set on disk to a folder that the data module reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from llmseg.data.boxes.config import BoxesConfig
from llmseg.data.boxes.datamodule import BoxData
from llmseg.data.boxes.records import read_records
from llmseg.data.config import SplitConfig
from tests.cli.conftest import call
from tests.conftest import Refusal
from tests.data.make import brats_case, nnunet_folder, write_text

SMALL = ("min_area=1", "slices=2", "plane=axial")


def test_nnunet_folder_with_its_split(tmp_path: Path, refusal: Refusal, capsys: pytest.CaptureFixture[str]) -> None:
    root = nnunet_folder(tmp_path / "scans", ["a", "b", "c"], channels=2)
    write_text(root / "split.json", json.dumps({"train": ["c"], "val": ["a"], "test": ["b"]}))
    output = tmp_path / "boxes"
    assert call("boxes", "data=nnunet", f"data.root={root}", f"output={output}/", *SMALL, "format=png") == 0
    out = capsys.readouterr().out
    assert f"{output}/summary.jsonl: 6 axial slices of 3 cases, 6 boxes" in out
    assert f"{output}/split.json: 1 train, 1 val, 1 test" in out
    first = json.loads((output / "summary.jsonl").read_text().splitlines()[0])
    assert list(first) == [
        "MRI 0 Axial_path",
        "MRI 1 Axial_path",
        "box",
        "case",
        "patient",
        "slice",
        "plane",
        "spacing",
    ]
    assert first["MRI 1 Axial_path"] == "images/a_1_1.png"
    assert first["spacing"] == [1, 1.5]
    module = BoxData(BoxesConfig(root=str(output)), seed=0)
    assert [sample.record.case for sample in module.part("train")] == ["c", "c"]
    assert call("boxes", "data=nnunet", f"data.root={root}", f"output={output}", *SMALL) == 2
    refusal("error: output=", "not empty")


def test_brats_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("BraTS-GLI-00000-000", "BraTS-GLI-00000-001"):
        brats_case(tmp_path / "scans" / name, ["t1n", "t1c", "t2w", "t2f", "seg"], (0, 1, 2, 3))
    words = (f"data.root={tmp_path / 'scans'}", f"output={tmp_path / 'boxes'}", "min_area=1", "slices=1")
    assert call("boxes", "data=brats", *words) == 0
    assert "2 sagittal slices of 2 cases" in capsys.readouterr().out
    records = read_records(tmp_path / "boxes" / "summary.jsonl")
    assert list(records[0].images) == ["t2f", "t2w", "t1n", "t1c"]
    number = records[0].slice
    names = [path.name for path in records[0].images.values()]
    assert names == [f"BraTS-GLI-00000-000_{number}_{channel}.jpg" for channel in (0, 2, 3, 4)]
    assert {record.group for record in records} == {"BraTS-GLI-00000"}
    assert not (tmp_path / "boxes" / "split.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("plane=axal",), 2, "did you mean axial?"),
        (("min_are=1",), 2, "did you mean min_area?"),
        (("slices=few",), 2, "slices: 'few' is not an integer"),
        (("min_area=1000",), 1, "lower min_area"),
        (("classes=[three]",), 2, "unknown class 'three'"),
    ],
)
def test_mistakes_leave_nothing_behind(
    words: tuple[str, ...], code: int, expected: str, tmp_path: Path, refusal: Refusal
) -> None:
    root = nnunet_folder(tmp_path / "scans", ["a"])
    assert call("boxes", "data=nnunet", f"data.root={root}", f"output={tmp_path / 'boxes'}", *words) == code
    refusal(expected)
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


def test_pictures_have_no_planes(tmp_path: Path, refusal: Refusal) -> None:
    from PIL import Image

    for name in ("images", "masks"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        pixels = np.zeros((9, 9), np.uint8)
        pixels[2:5, 3:6] = 255
        Image.fromarray(pixels).save(tmp_path / "scans" / name / "a.png")
    assert call("boxes", "data=images", f"data.root={tmp_path / 'scans'}", f"output={tmp_path / 'boxes'}") == 2
    refusal("holds pictures")


def test_hippocampi_of_the_official_test_cases(sample_data: Path, tmp_path: Path) -> None:
    """The same patients test as in a segmentation run, whose validation part is drawn from the official list."""
    official = json.loads((sample_data / "Dataset104_Hippocampus" / "split.json").read_text())
    few = {"train": official["train"][:4], "test": official["test"][:2]}
    file = write_text(tmp_path / "few.json", json.dumps(few))
    words = ("data=hippocampus", f"paths.data={sample_data}", f"data.split.file={file}", f"output={tmp_path / 'boxes'}")
    assert call("boxes", *words, "plane=coronal", "slices=2") == 0
    module = BoxData(BoxesConfig(root=str(tmp_path / "boxes"), split=SplitConfig()), seed=0)
    assert {sample.record.case for sample in module.part("test")} == set(few["test"])
    parts = {part: {sample.record.case for sample in module.part(part)} for part in ("train", "val")}
    assert parts["train"] | parts["val"] == set(few["train"])
    assert len(parts["val"]) == 1
