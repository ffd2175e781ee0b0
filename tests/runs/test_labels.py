"""Names of runs, and which of them are repeats of one another."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmseg.runs import collect
from llmseg.runs.labels import group_repeats, labels
from tests.runs.make_scored import make


def groups(root: Path) -> dict[str, int]:
    return {name: len(runs) for name, runs in group_repeats(collect(root)).items()}


def run(model: str, **changes: Any) -> dict[str, Any]:
    return {
        "run": f"/r/{model}",
        "config.choices.model": model,
        "config.seed": 0,
        "config.model.width": 1,
        "config.choices.loss": "dice",
        "config.loss.terms.dice": 1.0,
        **{f"config.{key.replace('__', '.')}": value for key, value in changes.items()},
    }


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([{}, {}], ["a x", "a y"]),  # repeated: told apart by the folder
        ([{"seed": 0}, {"seed": 1}], ["a seed=0", "a seed=1"]),
        ([{"model__repaired": True}, {"model__repaired": False}], ["a repaired=True", "a repaired=False"]),
        ([{"optimizer__lr": 0.01}, {"optimizer__lr": 0.1}], ["a lr=0.01", "a lr=0.1"]),
        ([{"data__labelled": None}, {"data__labelled": 4.0}], ["a labelled=all", "a labelled=4"]),
        ([{"data__patch_size": [8, 8]}, {"data__patch_size": [4, 8]}], ["a patch_size=[8, 8]", "a patch_size=[4, 8]"]),
    ],
)
def test_labels_name_what_differs(changes: list[dict[str, Any]], names: list[str]) -> None:
    frame = pd.DataFrame([run("a", **each) for each in changes]).assign(run=["/r/x", "/r/y"])
    assert labels(frame) == names


def test_a_choice_stands_for_what_lies_below_it() -> None:
    frame = pd.DataFrame(
        [
            run("a"),
            run("b", model__width=2),
            run("b", model__width=2, choices__loss="bce", loss__terms__dice=None, loss__terms__bce=1.0),
        ]
    )
    assert labels(frame) == ["a loss=dice", "b loss=dice", "b loss=bce"]
    # within one choice the keys count
    frame = pd.DataFrame([run("a"), run("b", model__width=2), run("b", model__width=3)])
    assert labels(frame) == ["a width=1", "b width=2", "b width=3"]


def test_equal_ends_of_keys_are_written_out() -> None:
    frame = pd.DataFrame([run("a", method__lr=1, optimizer__lr=2), run("a", method__lr=2, optimizer__lr=1)])
    assert labels(frame) == ["a method.lr=1 optimizer.lr=2", "a method.lr=2 optimizer.lr=1"]


def test_seeds_folders_and_loggers_are_repeats(tmp_path: Path) -> None:
    make(tmp_path / "a", "supervised", [0.5])
    make(tmp_path / "b", "supervised", [0.5], seed=1, data_root="/b", resume="runs/x", logger={"mode": "online"})
    make(tmp_path / "b", "supervised", [0.5], seed=2, paths={"runs": "/b", "data": "/c"}, knowledge={"seed": 3})
    assert groups(tmp_path) == {"supervised": 3}


def test_methods_models_and_settings_are_other_rows(tmp_path: Path) -> None:
    for seed in (0, 1):
        make(tmp_path, "supervised", [0.5], seed)
        make(tmp_path, "supervised", [0.5], seed, labelled=None)
        make(tmp_path, "cps", [0.5], seed)
        make(tmp_path, "cps", [0.5], seed, method_weight=0.1)
    assert groups(tmp_path) == {
        "supervised labelled=4": 2,
        "supervised labelled=all": 2,
        "cps labelled=4": 2,
        "cps labelled=4 weight=0.1": 2,
    }
    make(tmp_path, "cps", [0.5], model="resnet34_vnet")
    assert groups(tmp_path)["cps resnet34_vnet labelled=4"] == 1
    assert groups(tmp_path)["supervised vnet labelled=all"] == 2


def test_one_method_with_many_models_is_named_by_them(tmp_path: Path) -> None:
    make(tmp_path, "supervised", [0.5], model="gpt4o")
    make(tmp_path, "supervised", [0.5], model="llama31")
    assert set(groups(tmp_path)) == {"gpt4o", "llama31"}


def test_knowledge_is_named_by_its_choice(tmp_path: Path) -> None:
    texts = {"hand_written": "above the ventricle", "random": "x"}
    make(tmp_path, "supervised", [0.5], knowledge=None)
    for name, text in texts.items():
        make(tmp_path, "llm_segnet", [0.5], knowledge={"text": text, "organ": name}, choices_knowledge=name)
    assert set(groups(tmp_path)) == {
        "supervised",
        "llm_segnet knowledge=hand_written",
        "llm_segnet knowledge=random",
    }


def test_other_splits_are_no_repeats(tmp_path: Path) -> None:
    make(tmp_path, "supervised", [0.5], data_split={"seed": 0})
    make(tmp_path, "supervised", [0.5], data_split={"seed": 1})
    assert set(groups(tmp_path)) == {"supervised seed=0", "supervised seed=1"}
