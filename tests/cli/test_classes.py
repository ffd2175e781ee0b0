"""`compare.py classes=true`: one row a function class."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmseg.cli.classes import merge
from llmseg.runs import RunFolder, collect
from tests.cli.conftest import call

SKIPS = {"gpt_o1": "up_skip", "grok3": "skip_up", "claude4": "skip_up", "gpt4o": "up_skip", "vnet": "-"}


def make(root: Path, author: str, dice: list[float], seconds: float = 10, **changes: Any) -> None:
    """A finished run with one patient a case."""
    run = RunFolder.create(root, f"mni152_{author}")
    biased = author != "claude4"
    node = {
        "_target_": "llmseg.models.UNet",
        "widths": [1, 2],
        "skip": SKIPS[author],
        "bias": biased,
        "repaired": False,
    }
    config = {"seed": 0, "loss": "bce", "paths": {"runs": str(root)}, "name": author, **changes}
    choices = {"model": author, "data": "scans", "method": "supervised"}
    run.write_config({**config, "model": {**node, **changes.get("model", {})}, "choices": choices})
    rows = [
        {"case": f"c{n}", "group": f"p{n}", "class": "one", "empty": "", "dice": value} for n, value in enumerate(dice)
    ]
    pd.DataFrame(rows).to_csv(run.path / "cases.csv", index=False)
    cost = {"parameters": 1000 + biased, "gmacs": 0.5, "seconds_per_case": 1.0}
    mean = {"dice": sum(dice) / len(dice)}
    run.write_json("summary.json", {"mean": mean, "cost": cost, "data": "scans", "model": author, "note": None})
    run.write_json("status.json", {"state": "finished", "error": None, "steps": 1, "seconds": seconds})


def table(root: Path) -> list[dict[str, str]]:
    header, *rows = merge(collect(root))
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_llms_that_wrote_one_network_are_one_row(tmp_path: Path) -> None:
    make(tmp_path, "gpt_o1", [0.5] * 12)
    make(tmp_path, "grok3", [0.7] * 12, seconds=20)
    make(tmp_path, "claude4", [0.6] * 12, seconds=30)
    make(tmp_path, "gpt4o", [0.9] * 12)
    make(tmp_path, "vnet", [0.8] * 12)
    rows = table(tmp_path)
    assert [row["network"] for row in rows] == ["gpt4o", "vnet", "gpt_o1"]
    same = rows[2]
    assert same["members"] == "GPT o1 preview, Claude 4 Sonnet, Grok 3"
    assert (same["runs"], same["Dice"], same["seconds"], same["GMACs"]) == ("3", "0.600", "20", "0.50")
    assert same["95 % interval"] == "0.600 to 0.600"  # over cases, whose means over the members are all alike
    assert same["parameters"] == "1,000 to 1,001"
    assert rows[0]["parameters"] == "1,001"


def test_cases_are_averaged_over_runs_before_anything_else(tmp_path: Path) -> None:
    make(tmp_path, "gpt_o1", [0.0, 1.0] * 6)
    make(tmp_path, "grok3", [1.0, 0.0] * 6)
    (row,) = table(tmp_path)
    assert row["95 % interval"] == "0.500 to 0.500"  # no case differs from another; members do not widen it


def test_few_patients_have_no_interval(tmp_path: Path) -> None:
    make(tmp_path, "gpt_o1", [0.5, 0.6])
    assert table(tmp_path)[0]["95 % interval"] == "n too small"


@pytest.mark.parametrize("change", [{"loss": "dice"}, {"model": {"repaired": True}}, {"model": {"widths": [3]}}])
def test_other_settings_are_other_rows_and_other_seeds_are_not(tmp_path: Path, change: dict[str, Any]) -> None:
    make(tmp_path, "gpt_o1", [0.5] * 3)
    make(tmp_path, "grok3", [0.5] * 3, seed=1)
    assert len(table(tmp_path)) == 1
    make(tmp_path, "grok3", [0.5] * 3, **change)
    assert len(table(tmp_path)) == 2
    repaired = [row["network"].endswith(" repaired") for row in table(tmp_path)]
    assert any(repaired) == bool(change.get("model", {}).get("repaired"))
    assert not all(repaired)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "gpt_o1", [0.5] * 3)
    make(tmp_path, "grok3", [0.5] * 3)
    assert call("compare", f"run={tmp_path}", "classes=true") == 0
    assert "1 function class of 2 runs" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "classes.csv")["members"].tolist() == ["GPT o1 preview, Grok 3"]
