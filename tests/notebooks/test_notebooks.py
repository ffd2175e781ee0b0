"""The nine notebooks of the analysis: short, without stored output, and without failures whatever the folder holds."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmseg.study.section import Section
from tests.study.make_runs import scored_run, scored_study, study_run

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[1-9]_*.ipynb"))


def cells(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def execute(notebook: Path) -> Section:
    names: dict[str, Any] = {}
    for cell in cells(notebook):
        exec(compile("".join(cell["source"]), f"{notebook.name}[{cell['id']}]", "exec"), names)
    section: Section = names["section"]
    return section


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    scored_study(root, cases=10, seeds=2)
    study_run(root, "recorded", ["RuntimeError"])
    return root


def test_there_are_nine() -> None:
    assert [path.name[0] for path in NOTEBOOKS] == list("123456789")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_short_and_stripped(notebook: Path) -> None:
    found = cells(notebook)
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in found)
    assert sum(len(cell["source"]) for cell in found) < 20
    assert "LLMSEG_RUNS" in "".join(found[0]["source"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_shows_figures_of_scored_runs(notebook: Path, studied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSEG_RUNS", str(studied))
    section = execute(notebook)
    own = [caption for caption in section.figures if not caption.startswith("published")]
    assert own or notebook.stem == "7_masks"  # which needs checkpoints, and says so
    assert own or "no checkpoint" in section.notes[0]
    assert section._repr_html_().count("<img") == len(section.figures)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_says_that_there_are_no_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSEG_RUNS", str(tmp_path / "nowhere"))
    section = execute(notebook)
    assert any(note.startswith(("no finished run", "no study run")) for note in section.notes)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_copes_with_one_patient(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored_run(tmp_path, "gpt4o", [0.7])
    scored_run(tmp_path, "gpt4o", [0.8], repaired=True)
    monkeypatch.setenv("LLMSEG_RUNS", str(tmp_path))
    section = execute(notebook)
    if notebook.stem in ("2_dice", "5_cohorts", "9_wiring_faults"):
        assert any("n too small" in note for note in section.notes)
