"""The overview notebook runs from top to bottom on a run that was just trained, and holds no stored output."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TINY, call

NOTEBOOKS = [Path(__file__).parents[1] / "notebooks" / "results.ipynb"]  # the analysis: tests/notebooks


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = (f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}")
    assert call("train", *TINY, *paths, "-m", "seed=0,1", "evaluation.figures=false") == 0
    monkeypatch.setenv("LLMSEG_RUNS", str(tmp_path / "runs"))
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), f"{notebook.name}[{cell['id']}]", "exec"), names)
    assert len(names["runs"]) == 2
