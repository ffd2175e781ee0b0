"""`python -m llmseg.cli.table`: what it prints and writes, and mistakes in one line."""

from pathlib import Path

import pandas as pd
import pytest

from llmseg.cli import table
from tests.conftest import error_line
from tests.runs.make_scored import make

DICE = [0.5 + 0.02 * n for n in range(12)]
BETTER = [0.55 + 0.02 * n for n in range(12)]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for seed in range(3):
        make(folder, "supervised", DICE, seed)
        make(folder, "llm_segnet", [value + 0.001 * seed for value in BETTER], seed)
    return folder


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    table.main([str(word) for word in words])
    return capsys.readouterr().out


def error_of(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        table.main([str(word) for word in words])
    return int(stop.value.code or 0), capsys.readouterr().err


def line(text: str, *words: str) -> list[str]:
    """Cells of the first line that has these words."""
    found = next(each for each in text.splitlines() if all(word in each for word in words))
    return [cell for cell in found.split("  ") if cell.strip()]


def test_scores_tests_and_files(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, runs, "baseline=supervised", f"output={tmp_path / 'out'}")
    assert "la_h5: 12 test cases of 12 patients, last checkpoint" in out
    assert [cell.strip() for cell in line(out, "supervised", "0.610")][:3] == ["supervised", "3", "12"]
    # 12 differences of one sign: p = 2 / 2^12
    assert line(out, "llm_segnet", "+0.0510")[-2:] == [" <0.001", " <0.001"]
    assert "cases without a difference left out" in out
    assert "published" not in out
    markdown, latex = ((tmp_path / "out" / f"table.{end}").read_text() for end in ("md", "tex"))
    assert "| llm_segnet | supervised | Dice | 12 | +0.0510 |" in markdown
    assert r"llm\_segnet & supervised & Dice & 12 & +0.0510 &" in latex
    assert latex.count(r"\begin{table}") == markdown.count("## ") == 3
    frame = pd.read_csv(tmp_path / "out" / "table.csv").set_index("row")
    assert frame.loc["llm_segnet", "dice_p"] == pytest.approx(2 / 2**12)
    assert frame.loc["llm_segnet", "dice_difference"] == pytest.approx(0.051)
    assert frame.loc["supervised", "dice_sd_seeds"] == 0
    assert frame.loc["supervised", "selection"] == "last"
    assert not list(runs.glob("table.*"))


def test_files_lie_in_the_first_folder_where_no_other_is_named(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, runs)
    assert {path.name for path in runs.glob("table.*")} == {"table.md", "table.csv", "table.tex"}
    assert "against" not in out  # no baseline, no tests


def test_published_numbers_stand_beside_ours_and_say_how_they_were_chosen(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, runs, "published=true")
    assert "chosen on the test set" in "".join(line(out, "published: AD-MT (2024)", "89.63"))
    assert "95HD voxel" in out
    assert "published: UA-MT" not in out  # no source at 4 labelled cases
    assert "8 + 72" not in out
    frame = pd.read_csv(runs / "table.csv")
    assert frame[frame["row"] == "AD-MT"]["source"].str.startswith("https://").all()
    assert frame[frame["row"] == "supervised"]["source"].isna().all()


def test_an_nnunet_folder_is_not_the_fields_protocol(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "supervised", DICE, data="la", labelled=8)
    out = printed(capsys, tmp_path, "published=true")
    assert "published: UA-MT (2019)" in out
    assert "(8 + 72): do not read them as one column" in out


def test_published_numbers_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "supervised", DICE, data="hippocampus")
    assert "no published numbers here for data=hippocampus labelled=4" in printed(capsys, tmp_path, "published=true")


def test_other_data_sets_are_other_tables_and_said_so(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(runs, "supervised", [0.5, 0.6], data="pancreas_a")
    out = printed(capsys, runs, "baseline=supervised")
    assert "2 sets of runs, never mixed in one table" in out
    assert "pancreas_a: 2 test cases of 2 patients" in out
    assert "nothing to compare" in out
    assert "n too small" in out


def test_long_names_are_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "supervised", DICE)
    for name in ("left_atrium/hand_written", "left_atrium/smollm2"):
        make(tmp_path, "llm_segnet", DICE, knowledge={"text": name}, choices_knowledge=name, data_batch_size=2)
    out = printed(capsys, tmp_path)
    assert "…" not in out
    assert "knowledge=left_atrium/hand_written" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["baselin=supervised"], 2, "there is no baselin, did you mean baseline?"),
        (["baseline="], 2, "say which baseline"),
        (["baseline=supervisd"], 2, "did you mean 'supervised'?"),
        (["metrics=dise"], 2, "there is no metric 'dise', did you mean dice?"),
        (["published=yes"], 2, "give true or false"),
        (["nowhere"], 1, "nowhere: no such folder"),
        (["--wrong"], 2, "--wrong"),
    ],
)
def test_mistakes_are_one_line(
    runs: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, error = error_of(capsys, runs, *words)
    assert found == code
    error_line(error, message)
    assert not list(runs.glob("table.*"))  # nothing half-written


@pytest.mark.parametrize("baseline", ["supervised", "labelled=4"])
def test_a_baseline_that_leaves_nothing_to_compare_names_the_rows(
    tmp_path: Path, baseline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for labelled in (4, 8):
        for rate in (0.1, 0.2):
            make(tmp_path, "supervised", DICE, labelled=labelled, optimizer={"lr": rate})
    code, error = error_of(capsys, tmp_path, f"baseline={baseline}")
    assert code == 2
    error_line(error, f"baseline={baseline}: leaves nothing to compare; give one of 'supervised labelled=4 lr=0.1'")
    assert not list(tmp_path.glob("table.*"))


def test_no_runs_and_a_folder_that_cannot_be_written(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    code, error = error_of(capsys, tmp_path / "empty")
    assert code == 1
    assert "no finished run there" in error
    (tmp_path / "file").write_text("")
    code, error = error_of(capsys, runs, f"output={tmp_path / 'file'}")
    assert code == 1
    assert "cannot write there" in error


def test_mixed_test_cases(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(runs, "cps", DICE[:-1])
    code, error = error_of(capsys, runs)
    assert code == 1
    assert "lacks 1 case(s) that other runs were scored on (c11)" in error
