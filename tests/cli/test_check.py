"""`python -m llmseg.cli.check`: the table, the file and the exit code."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import call
from tests.conftest import Refusal
from tests.data import make_faults as make

IDS = [f"case{number}" for number in range(9)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.data_set(tmp_path / "scans", IDS, channels=1)


def spoil(root: Path) -> None:
    make.put(make.image(root, "case1"), np.nan)
    make.label_of(root, "case2").unlink()
    make.copy_case(root, "case3", "case8")


def test_clean_data(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "data=nnunet", f"data.root={root}", f"output={tmp_path / 'report'}") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for words in (
        "nnunet: 9 cases, no faults",
        "5 train, 1 val, 3 test",
        "26 x 24 x 20",
        "1 x 1.5 x 2",
        "class two",
        "in 9 of 9 labels",
    ):
        assert words in shown.out
    assert pd.read_csv(tmp_path / "report" / "check.csv").empty


def test_boxes_and_reports_are_not_for_this_command(refusal: Refusal) -> None:
    for data in ("boxes", "openi"):
        assert call("check", f"data={data}") == 2
        assert "does not go with this command" in refusal(f"data={data}")


def test_a_file_where_a_folder_is_wanted_is_one_line(root: Path, tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "report").touch()
    assert call("check", "data=nnunet", f"data.root={root}", f"output={tmp_path / 'report'}") == 1
    assert "name a folder" in refusal(str(tmp_path / "report"))


def test_faults(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(root)
    assert call("check", "data=nnunet", f"data.root={root}", f"output={tmp_path / 'report'}") == 1
    shown = capsys.readouterr()
    assert shown.err == f"error: {root}: 3 fault(s), see the table above\n"
    assert "nnunet: 3 faults, 0 warnings" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 160
    table = pd.read_csv(tmp_path / "report" / "check.csv")
    assert list(table) == ["severity", "case", "file", "kind", "fault", "remedy"]
    assert list(table["case"]) == ["case2", "case1", "case8"]
    assert list(table["file"]) == [
        "imagesTr/case2_0000.nii.gz",
        "imagesTr/case1_0000.nii.gz",
        "imagesTr/case8_0000.nii.gz",
    ]
    for case in table["case"]:
        assert case in shown.out


def test_warnings_alone_are_no_failure_and_many_alike_are_cut(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in IDS[:7]:
        make.change(make.label_of(root, name), np.zeros(make.SHAPE, np.uint8))
    make.write_lists(root, IDS[:6] + IDS[7:], IDS[6:7])
    assert call("check", "data=nnunet", f"data.root={root}", "data.split.val=0") == 0
    out = capsys.readouterr().out
    assert out.count("the label is empty") == 5
    assert "2 more like these" in out


def test_what_describes_the_data_is_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "dataset.json").unlink()
    assert call("check", "data=nnunet", f"data.root={root}") == 1
    shown = capsys.readouterr()
    assert "dataset.json" in shown.out
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("data=nnunett",), "nnunet"), ((), "data"), (("data=nnunet", "data.clases=[one]"), "did you mean data.classes?")],
)
def test_mistakes_on_the_command_line(root: Path, words: tuple[str, ...], expected: str, refusal: Refusal) -> None:
    assert call("check", *words) == 2
    refusal(expected)


def test_unknown_class_is_a_mistake(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "data=nnunet", f"data.root={root}", "data.classes=[onee]") == 2
    assert "did you mean 'one'?" in capsys.readouterr().err


def test_help_says_how_to_call_it() -> None:
    words = [sys.executable, "-m", "llmseg.cli.check", "--help"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert text.startswith("usage: python -m llmseg.cli.check data=<data set>")
    assert "all faults of a data set" in text
    assert "hippocampus" in text


@pytest.mark.parametrize(
    ("data", "words"), [("hippocampus", ()), ("brats", ("data.modalities=[flair,t1ce]",))], ids=["hippocampus", "brats"]
)
def test_sample_data_are_clean(
    data: str, words: tuple[str, ...], sample_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check", f"data={data}", f"paths.data={sample_data}", *words) == 0
    assert "no faults" in capsys.readouterr().out
