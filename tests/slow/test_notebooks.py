"""The notebooks as Jupyter runs them, and the report, on networks that were just trained."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmseg.runs import collect, collect_cases
from llmseg.study import analysis, report
from tests.cli.conftest import TINY, call
from tests.study.make_runs import study_run

pytestmark = pytest.mark.slow
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SMALL = [word for word in TINY if not word.startswith("model")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two seeds, and one as generated and repaired, on slices of the built-in scan."""
    root = tmp_path_factory.mktemp("trained")
    paths = (f"paths.runs={root / 'runs'}", f"paths.cache={root / 'cache'}", "evaluation.figures=false")
    assert call("train", *TINY, *paths, "-m", "seed=0,1") == 0
    assert call("train", *SMALL, *paths, "-m", "model=llama31", "model.repaired=false,true") == 0
    study_run(root / "runs", "recorded", ["RuntimeError"])
    return root / "runs"


def test_notebooks_run_headless(trained: Path) -> None:
    words = ["-m", "pytest", "--nbmake", "-p", "no:cacheprovider", "-p", "no:xdist", str(NOTEBOOKS)]
    environment = {**os.environ, "LLMSEG_RUNS": str(trained), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "10 passed" in done.stdout


def test_masks_are_drawn_from_the_checkpoints(trained: Path) -> None:
    section = analysis.masks(collect(trained), collect_cases(trained))
    (figure,) = section.figures.values()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[:2] == ["image", "label"]
    assert sorted(title.split("\n")[0] for title in titles[2:]) == ["llama31", "llama31 repaired", "unet"]
    assert not any("cannot be drawn" in note for note in section.notes)


def test_report_of_trained_and_study_runs(trained: Path) -> None:
    report.write_report(trained, trained / "report.html")
    text = (trained / "report.html").read_text(encoding="utf-8")
    for words in ("llama31 repaired", "n too small", "the median case", "recorded"):
        assert words in text
