"""The Python of the pages runs."""

from pathlib import Path
from typing import Any

import pytest

from llmseg.study.sandbox import in_force
from tests.cli.conftest import TINY, call
from tests.docs.commands import PAGES, ROOT, Block, blocks
from tests.runs.make_scored import make

FENCES = [block for page in PAGES for block in blocks(page) if block.language == "python"]


def prepare(page: str) -> None:
    """What the Python of a page takes for granted, in the working folder."""
    if page.endswith("start.md"):
        assert call("train", *TINY, "evaluation.figures=false", "paths.cache=cache") == 0
    elif page.endswith("analysis.md"):
        for model, level in (("gpt_o1", 0.8), ("gpt4o", 0.7)):
            dice = [level + 0.01 * case for case in range(12)]
            make(Path("runs"), "supervised", dice, model=model, data="hippocampus", labelled=None)
    elif page.endswith("sandbox.md"):
        if in_force()["isolation"] == "none":
            pytest.skip(str(in_force()["reason"]))
        Path("images").mkdir()


@pytest.mark.parametrize("block", FENCES, ids=lambda block: f"{block.page}-{block.line}")
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(block.page)
    names: dict[str, Any] = {}
    exec(compile(block.text, f"{ROOT / block.page}, line {block.line}", "exec"), names)
    if block.page.endswith("sandbox.md"):
        assert names["outcome"].exit_code == 0, names["outcome"].stderr
    if block.page.endswith("data/index.md"):
        for file in ("scans/a_1.nii.gz", "scans/a_2.nii.gz", "masks/a_1.nii.gz"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
        cases = names["read"](tmp_path)
        assert [(case.id, case.group, case.label.name) for case in cases] == [
            ("a_1", "a", "a_1.nii.gz"),
            ("a_2", "a", "a_2.nii.gz"),
        ]
