"""`make report RERUN=1`: recipes that are really commands, collectors on small runs."""

import importlib
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.study.make_runs import LEVELS, REPAIRED, scored_study

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def recipes() -> Any:
    return importlib.import_module("remake.recipes")


def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """A recipe in a folder of its own."""
    module = importlib.import_module("remake.recipe")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    facts = {"name": "small", "commands": ("mkdir -p {runs} && echo 7 > {runs}/value",), "collect": _value}
    return module.Recipe(**(facts | changes))


def _value(runs: Path, seconds: float) -> dict[str, Any]:
    return {"rows": [{"value": int((runs / "value").read_text())}]}


def test_what_is_made_again_has_a_file_and_the_other_way_round() -> None:
    names = {each.name for each in recipes().RECIPES} - {"bench"}
    files = {file.stem for file in (ROOT / "results").glob("*.json")}
    timed = {file.stem for file in (ROOT / "benchmarks" / "results").glob("*.json")}
    compared = importlib.import_module("headline.speed").NAMES  # made again by `make bench`
    assert files - names == {"hippocampus_4_tuning"}
    assert names - files == timed - {*compared, *(f"{name}_cuda" for name in compared)}


def test_results_are_written_with_their_commands_and_old_runs_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(tmp_path, monkeypatch)
    for _ in range(2):
        made.make(tmp_path / "out")
    content = json.loads((tmp_path / "out" / "small.json").read_text())
    assert content["rows"] == [{"value": 7}]
    assert content["command"] == ["mkdir -p runs/report/small && echo 7 > runs/report/small/value"]
    assert sorted(path.name for path in (tmp_path / "runs" / "report").iterdir()) == ["small", "small.1"]


def test_a_command_that_fails_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        recipe(tmp_path, monkeypatch, commands=("false",)).make(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shortened_trainings_never_replace_real_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["rerun.py", "demo", "--words", "trainer.max_epochs=1"])
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module("rerun").main()
    assert "--output" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["demo", "hippocampus", "nineteen_networks", "hippocampus_4", "reports"])
def test_commands_compose(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first `train.py` of a recipe is a configuration that exists."""
    (found,) = recipes().chosen([name])
    command = next(each for each in found.commands if "train.py" in each).format(runs="runs/x")
    words = shlex.split(command)
    words = [word.split(",")[0] for word in words[words.index("train.py") + 1 :] if word != "-m"]
    from tests.cli.conftest import call

    assert call("train", *words, "--cfg", "job") in (0, None)
    assert "runs/x" in capsys.readouterr().out


def test_runs_become_the_tables_of_networks(tmp_path: Path) -> None:
    """Means by numpy; the class of GPT o1 has the runs of three LLMs."""
    segmentation = importlib.import_module("remake.segmentation")
    scored_study(tmp_path, cases=12, seeds=2)
    values = segmentation.table(tmp_path, 7200.0)["values"]
    assert values["hours"] == 2
    assert len(values["runs"]) == 2 * (len(LEVELS) + len(REPAIRED))
    spread = {row["network"]: row for row in values["tables"]["slices: spread of the runs of each network"]}
    cases = pd.concat(
        pd.read_csv(file).assign(model=file.parents[1].name.removeprefix("slices_"))
        for file in tmp_path.rglob("cases.csv")
    )
    for network, models in {"gpt_o1": ["gpt_o1", "claude35", "grok3"], "gpt4": ["gpt4"]}.items():
        own = cases[cases["model"].isin(models)]
        assert spread[network]["runs"] == 2 * len(models)
        assert np.mean(own["dice"]) == pytest.approx(spread[network]["mean"], abs=1e-6)
    assert values["friedman"]["slices"] == {"cases": 12, "p": "< .001"}
    content = segmentation.nineteen_networks(tmp_path, 1.0)
    assert set(content["class_intervals"]) >= {"gpt_o1"}
    low, high = content["class_intervals"]["gpt_o1"]
    assert low < spread["gpt_o1"]["mean"] < high


def test_runs_of_few_labels_are_told_apart() -> None:
    few = importlib.import_module("remake.few_labels")
    plain = {
        "config.choices.method": "llm_segnet", "config.data.labelled": 4, "config.method.weight": 3,
        "config.method.joint": True, "config.method.mse_weight": 1, "config.method.nll_weight": 1,
        "config.choices.knowledge": "hippocampus/hand_written",
    }  # fmt: skip
    changes = {
        "llm_segnet": {}, "llm_segnet_apart": {"config.method.joint": False}, "llm_off": {"config.method.weight": 0},
        "llm_nll": {"config.method.mse_weight": 0}, "llm_mse": {"config.method.nll_weight": 0},
        "llm_other": {"config.choices.knowledge": "left_atrium/hand_written"},
        "llm_random": {"config.choices.knowledge": "random"}, "cps": {"config.choices.method": "cps"},
        "supervised_all": {"config.choices.method": "supervised", "config.data.labelled": 104},
    }  # fmt: skip
    assert {name: few.name_of(plain | change) for name, change in changes.items()} == {name: name for name in changes}


def test_rows_are_compared_with_the_first_case_by_case() -> None:
    few = importlib.import_module("remake.few_labels")
    rows = [
        {"run": f"{name}{seed}", "case": f"c{case}", "group": f"c{case}", "class": "x", "dice": 0.5 + case / 100 + gain}
        for name, gain in (("supervised", 0.0), ("cps", 0.1)) for seed in (0, 1) for case in range(12)
    ]  # fmt: skip
    frame = pd.DataFrame(
        {"run": ["supervised0", "supervised1", "cps0", "cps1"], "name": ["supervised"] * 2 + ["cps"] * 2}
    )
    first, second = few.compared(frame, pd.DataFrame(rows), few.METHODS)
    assert (first["row"], first["seeds"], first["difference"]) == ("supervised", 2, None)
    assert second["difference"] == pytest.approx(0.1)
    assert second["p_holm"] == pytest.approx(2 / 2**12)  # all twelve differences have one sign
