"""The reference: what nnU-Net is given and called with; nnU-Net itself is pretended."""

import json
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llmseg.errors import ConfigError, UserError
from llmseg.study.masks import check_predictions, write_mask
from llmseg.study.nnunet import reference
from tests.study.make_study import workspace

PROGRAM = """#!{python}
import os, sys, pathlib
from PIL import Image
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
assert os.environ["nnUNet_raw"].endswith("raw")
if "-o" in sys.argv:
    inside, out = (pathlib.Path(sys.argv[sys.argv.index(flag) + 1]) for flag in ("-i", "-o"))
    out.mkdir()
    for file in inside.iterdir():
        Image.open(file).point(lambda value: value > 100).save(out / file.name.replace("_0000", ""))
sys.exit({code})
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("nnUNetv2_plan_and_preprocess", "nnUNetv2_train", "nnUNetv2_predict"):
        (folder / name).write_text(PROGRAM.format(python=sys.executable, log=str(tmp_path / "calls"), code=0))
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def test_slices_go_in_and_masks_come_out(programs: Path, tmp_path: Path) -> None:
    space = workspace(tmp_path)
    for name in ("images", "masks"):
        (space.data / "train" / name).mkdir(parents=True)
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(space.data / "train" / "images" / "1.png")
    write_mask(space.data / "train" / "masks" / "1.png", np.eye(4, 6, dtype=bool))
    reference(space, tmp_path / "nnunet", tmp_path / "out", {"trainer": "nnUNetTrainer_5epochs"})
    raw = tmp_path / "nnunet" / "raw" / "Dataset501_Study"
    assert np.array_equal(np.asarray(Image.open(raw / "labelsTr" / "1.png")), np.eye(4, 6))
    assert sorted(path.name for path in (raw / "imagesTs").iterdir()) == ["0_0000.png", "1_0000.png", "2_0000.png"]
    assert json.loads((raw / "dataset.json").read_text())["labels"] == {"background": 0, "foreground": 1}
    assert check_predictions(tmp_path / "out", space.shapes, 2) is None
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0] == "-d 501 -c 2d"
    assert calls[1] == "501 2d all -tr nnUNetTrainer_5epochs --c"
    assert calls[2].endswith("-d 501 -c 2d -f all -tr nnUNetTrainer_5epochs")


def test_what_fails_is_one_line(programs: Path, tmp_path: Path) -> None:
    space = workspace(tmp_path)
    for name in ("images", "masks"):
        (space.data / "train" / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"author\.options\.epochs"):
        reference(space, tmp_path / "a", tmp_path / "out", {"epochs": 3})
    (programs / "nnUNetv2_train").write_text(f"#!{sys.executable}\n")
    with pytest.raises(UserError, match="nnUNetv2_train"):
        reference(space, tmp_path / "b", tmp_path / "out", {})
