"""docs/start.md from top to bottom, and the commands of all pages whose data are here, on tiny settings."""

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.conftest import TINY
from tests.data.make_faults import data_set
from tests.docs.commands import PAGES, ROOT, Block, blocks, commands, working_folder

pytestmark = pytest.mark.slow
NOT_RUN = {"make", "pip", "source"}
"""They install, or take minutes; test_commands.py looks at them."""
SMALL = (
    *(word for word in TINY if not word.startswith("model")), "data.patch_size=[16,16,16]", "evaluation.figures=false",
)  # fmt: skip
STEP = (
    "trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "trainer.devices=1",
    "trainer.accelerator=cpu", "trainer.precision=32", "trainer.enable_progress_bar=false", "logger=csv",
    "evaluate=false", "data.batch_size=2", "data.image_size=32", "data.patch_size=[32,32,32]",
)  # fmt: skip
"""One step of any network, and one case of validation."""
HERE: dict[str, tuple[str, ...]] = {"hippocampus": (), "brats": ("data.modalities=[flair,t1ce]",), "mni152": ()}
"""Data sets that are here, and what the samples lack."""
LEFT_OUT = ("-m", "--help", "--cfg", "resume=", "experiment=", "sweep=", "model=generated")
"""Words of commands that do more than to train once, or on what another command has made."""


def run(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """A command's own main, in this process, with the words behind `python`; its exit code."""
    program, *rest = words
    module = rest.pop(0) if program == "-m" else f"llmseg.cli.{program.removesuffix('.py')}"
    monkeypatch.setattr(sys, "argv", [module, *rest])
    try:
        import_module(module).main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def replaced(words: Sequence[str], by: Sequence[str]) -> list[str]:
    """Words of a command with these instead of its own for the same keys."""
    keys = {word.partition("=")[0] for word in by}
    return [*(word for word in words if word.partition("=")[0] not in keys), *by]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(working_folder(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    return tmp_path


def test_the_first_ten_minutes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_set(folder / "scans" / "Dataset001_Mine", [f"case{number}" for number in range(9)], channels=1)
    done = []
    for block in blocks(ROOT / "docs" / "start.md"):
        if block.language == "python":
            exec(compile(block.text, "start.md", "exec"), {})
        for command in commands([block], folder) if block.language == "bash" else ():
            if command.words[0] not in NOT_RUN:
                words = command.words[1:]
                words = replaced(words, SMALL) if words[0] == "train.py" else words
                assert run(words, monkeypatch) == 0, command
                done.append(words[0])
    assert {"train.py", "predict.py", "evaluate.py", "export.py", "compare.py", "-m"} == set(done)
    for file in ("masks/case0.nii.gz", "masks/volumes.csv", "model/model.onnx", "runs/comparison.csv", "runs/table.md"):
        assert (folder / file).is_file(), file


def trainings() -> dict[str, Block]:
    """The pages' trainings on data that are here, each once: its line without the folder of the data."""
    found: dict[str, Block] = {}
    for block in (block for page in PAGES for block in blocks(page) if block.is_command):
        for line in block.text.splitlines():
            data = re.search(r" data=(\w+)", line)
            if "train.py" in line and (data is None or data[1] in HERE) and not any(word in line for word in LEFT_OUT):
                found.setdefault(re.sub(r" data\.root=\S+| +#.*|\\$", "", line).strip(), block)
    return found


def test_every_training_of_the_pages_takes_a_step(
    sample_data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSEG_DATA", str(sample_data))
    tried = 0
    for line, block in trainings().items():
        for command in commands([replace(block, text=line)], folder):
            lacking = next((HERE[name] for name in HERE if f"data={name}" in command.words), ())
            words = replaced(command.words[1:], [*STEP, *lacking])
            assert run(words, monkeypatch) == 0, f"{command}: {' '.join(words)}"
            shutil.rmtree(folder / "runs")  # full-size networks have large checkpoints
            tried += 1
    assert tried >= 8
