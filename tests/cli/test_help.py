"""`--help` lists what the folder conf/ has."""

from pathlib import Path

import pytest

from llmseg.cli.entry import conf_folder
from llmseg.cli.help import choices, help_text


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "model" / "old").mkdir(parents=True)
    for name in ("unet", "_base", "vnet", "old/first"):
        (tmp_path / "model" / f"{name}.yaml").touch()
    (tmp_path / "hydra").mkdir()
    (tmp_path / "train.yaml").write_text(
        "# python train.py [key=value ...]      one comment\n"
        "defaults:\n  - _self_\n  - model: unet\n  - experiment: null\n  - hydra: default\n\nseed: 0\n"
    )
    return tmp_path


def test_choices_are_files_without_hidden_ones(conf: Path) -> None:
    assert choices(conf / "model") == ["old/first", "unet", "vnet"]
    assert choices(conf / "experiment") == []


def test_text(conf: Path) -> None:
    text = help_text([conf], "train", "llmseg-train")
    assert text.startswith("usage: llmseg-train [key=value ...]\n\none comment\n")
    assert "model       old/first  unet*  vnet\n" in text
    assert "_base" not in text
    assert "hydra  " not in text
    assert "llmseg-train -m model=" in text


def test_own_folder_goes_before(conf: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    for name in ("model/vnet", "model/wide", "experiment/night"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / f"{name}.yaml").touch()
    text = help_text([own, conf], "train", "llmseg-train")
    assert "model       old/first  unet*  vnet  wide\n" in text
    assert "experiment  night\n" in text


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_shipped(name: str) -> None:
    text = help_text([conf_folder()], name, "program")
    for file in (conf_folder() / "data").glob("[!_]*.yaml"):
        assert f" {file.stem}" in text


@pytest.mark.parametrize("name", ["train", "evaluate", "predict"])
def test_shipped_fits_a_terminal(name: str) -> None:
    text = help_text([conf_folder()], name, f"python {name}.py")
    assert max(map(len, text.splitlines())) <= 120
