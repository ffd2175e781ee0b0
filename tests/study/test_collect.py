"""Studies as a table, and prompts."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmseg.cli.entry import conf_folder
from llmseg.errors import ConfigError, UserError
from llmseg.study import collect
from llmseg.study.prompts import Prompt


def _round(error: str | None, finer: str | None, cost: float | None = 0.5) -> dict[str, Any]:
    return {"error": error, "finer": finer, "tokens_in": 10, "tokens_out": 5, "cost": cost, "seconds": 2.0}


def _write(folder: Path, **changes: Any) -> None:
    folder.mkdir(parents=True)
    rounds = [
        _round("RuntimeError", "shape_mismatch"),
        _round("RuntimeError", "device"),
        _round(None, "silent_failure"),
    ]
    study = {
        "author": "openai", "model": "m", "company": None, "repeat": 1, "data": "mni152", "seed": 0, "state": "ran",
        "reason": None, "prompt": {"name": "pytorch", "sha256": "0"}, "rounds": rounds, "native_dice": 0.7,
    }  # fmt: skip
    (folder / "study.json").write_text(json.dumps(study | changes))


def test_one_row_a_study(tmp_path: Path) -> None:
    _write(tmp_path / "study_openai" / "a")
    (tmp_path / "study_openai" / "a" / "summary.json").write_text('{"mean": {"dice": 0.8}}')
    _write(tmp_path / "study_openai" / "b", rounds=[_round("other", "syntax", None)], state="gave up", reason="rounds")
    frame = collect(tmp_path).set_index("reason", drop=False)
    ran, gave_up = frame.iloc[0], frame.iloc[1]
    assert (ran["rounds"], ran["errors"], ran["error_RuntimeError"], ran["error_other"]) == (3, 2, 2, 0)
    assert (ran["finer_shape_mismatch"], ran["finer_device"], ran["finer_silent_failure"]) == (1, 1, 1)
    assert (ran["tokens_in"], ran["tokens_out"], ran["cost"], ran["seconds"]) == (30, 15, 1.5, 6.0)
    assert (ran["native_dice"], ran["dice"]) == (0.7, 0.8)
    assert (gave_up["state"], gave_up["error_other"], gave_up["finer_syntax"]) == ("gave up", 1, 1)
    assert gave_up["cost"] != gave_up["cost"]
    assert gave_up["dice"] != gave_up["dice"]


def test_no_studies_and_broken_ones(tmp_path: Path) -> None:
    assert len(collect(tmp_path)) == 0
    assert {"author", "errors", "error_NameError", "dice"} <= set(collect(tmp_path).columns)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(UserError, match=r"study.json: no record of a study"):
        collect(tmp_path)


def _node(name: str) -> dict[str, Any]:
    base = yaml.safe_load((conf_folder() / "prompt" / "_base.yaml").read_text())
    return base | yaml.safe_load((conf_folder() / "prompt" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", ["pytorch", "minimal", "3d"])
def test_prompts_state_the_contract(name: str) -> None:
    prompt = Prompt.of(_node(name))
    text = prompt.first({"train": 72, "test": 24, "size": "96 x 96", "channels": "one channel", "seconds": 600})
    ending = "npy" if name == "3d" else "png"
    for words in (
        "U-Net", "model.py", "python main.py --data data --output predictions --seconds 600", "validation_dice=",
        f"data/train/images/<id>.{ending}", f"data/train/masks/<id>.{ending}", f"data/test/images/<id>.{ending}",
        f"predictions/<id>.{ending}", "72", "24", "torch ", "96 x 96",
    ):  # fmt: skip
        assert words in text
    assert "{" not in text
    assert "`dataset.py`" not in text or name != "minimal"


def test_versions_of_prompts() -> None:
    nodes = [_node(name) for name in ("pytorch", "minimal", "3d")]
    assert len({Prompt.of(node).sha256 for node in nodes}) == 3
    changed = {**nodes[0], "feedback": nodes[0]["feedback"] + " Now."}
    assert Prompt.of(changed).sha256 != Prompt.of(nodes[0]).sha256
    with pytest.raises(ConfigError, match=r"prompt.text: no field \{organ\}"):
        Prompt.of({**nodes[0], "text": "Segment the {organ}."})
