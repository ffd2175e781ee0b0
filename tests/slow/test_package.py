"""The wheel, in an environment with only what it depends on: its commands work from an empty folder."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest
from bare import ROOT, bare_packages, project

pytestmark = pytest.mark.slow
TINY = ("model=small", "trainer.accelerator=cpu", "trainer.precision=32", "trainer.max_epochs=1", "logger=csv")
OWN = {
    "model/small.yaml": "defaults:\n  - unet\n  - _self_\nwidth: 4\ndepth: 2\n",
    "data/mni152.yaml": (ROOT / "conf" / "data" / "mni152.yaml")
    .read_text()
    .replace("image_size: 96", "image_size: 32"),
    "experiment/mine.yaml": "# @package _global_\nseed: 41\n",
}
LACKING = (
    ("train -m seed=0,1 hydra/launcher=joblib", "sweep"),
    ("train sweep=optuna model=unet data=mni152", "sweep"),
    ("study author=openai author.model=x data=mni152", "knowledge"),
    ("knowledge organ=pancreas modality=CT author=openai:x", "knowledge"),
    ("chat path=.", "language"),
    ("app run=runs", "web"),
    ("export run={run} output=exported", "export"),
)


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment of its own.

    Attributes:
        commands: folder of the console commands.
        folder: they run in it; empty at first, and `../mine` beside it has the files of OWN.
    """

    commands: Path
    folder: Path

    def __call__(self, command: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run `llmseg-<command>`; nothing of the checkout is on its path."""
        return subprocess.run(
            [self.commands / f"llmseg-{command}", *map(str, words)],
            cwd=self.folder,
            env={key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LLMSEG_DATA")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    how = ["--no-isolation"] if find_spec("hatchling") else ["--installer", "uv" if find_spec("uv") else "pip"]
    command = [sys.executable, "-m", "build", *how, "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "hatchling" in done.stdout + done.stderr:
        pytest.skip("hatchling, which builds the wheel, is not to be had")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, beside links to its dependencies."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=True)
    commands = folder / "venv" / "bin"
    wheel = next(built.glob("*.whl"))
    subprocess.run([commands / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(f"{bare_packages(folder / 'packages')}\n")
    for name, text in OWN.items():
        (folder / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mine" / name).write_text(text)
    (folder / "empty").mkdir()
    return Installed(commands, folder / "empty")


def test_wheel_has_all_that_the_code_reads(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        metadata = Parser().parsestr(wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode())
    wanted = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.*") if path.is_file()}
    wanted |= {f"llmseg/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "conf").rglob("*.yaml")}
    wanted = {name for name in wanted if "__pycache__" not in name and ".egg-info" not in name}
    assert {"llmseg/conf/train.yaml", "llmseg/study/authors.csv", "llmseg/py.typed"} <= wanted <= names
    assert {name.split("/")[0] for name in names} == {
        "llmseg",
        "hydra_plugins",
        f"llmseg-{metadata['Version']}.dist-info",
    }
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    assert set(metadata.get_all("Provides-Extra", [])) == set(extras)
    assert metadata["License-Expression"] == "MIT"


def test_source_distribution_can_be_tested(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"conf/train.yaml", "tests/conftest.py", "LICENSE", "CHANGELOG.md", "CITATION.cff", "Makefile"} <= names
    assert not {
        name for name in names if name.startswith((".venv", ".cache", "runs/", "dist/")) or name.endswith(".pyc")
    }


def test_typos_and_help_know_an_own_folder(installed: Installed) -> None:
    shown = installed("train", "--config-dir", "../mine", "--help").stdout
    assert " small " in shown
    assert " mine" in shown
    wrong = installed("train", "--config-dir", "../mine", "model=smal")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: model=smal: no such choice, did you mean small?\n"
    assert not list(installed.folder.iterdir())


def test_segmentation_needs_no_extra(installed: Installed) -> None:
    trained = installed("train", "--config-dir", "../mine", "experiment=mine", "data=mni152", *TINY)
    assert trained.returncode == 0, trained.stderr
    (run,) = (path.parent for path in installed.folder.glob("runs/mine/*/config.yaml"))
    config = (run / "config.yaml").read_text()
    assert "seed: 41" in config
    assert "image_size: 32" in config
    scan = next(installed.folder.rglob("imagesTr/*.nii.gz"))
    for command in (
        f"evaluate run={run}",
        f"predict run={run} input={scan} output=masks",
        "compare run=runs",
        "runs runs",
        "table runs",
    ):
        done = installed(*command.split())
        assert done.returncode == 0, (command, done.stderr)
    assert list((installed.folder / "masks").glob("*.nii.gz"))
    for command, extra in LACKING:
        done = installed(*command.format(run=run).split())
        assert done.returncode != 0, command
        assert f"pip install 'llmseg[{extra}]'" in done.stderr, (command, done.stderr)
        assert len(done.stderr.splitlines()) == 1, (command, done.stderr)
