"""The table of docs/networks.md is what conf/model gives, and agrees with what the study published."""

import importlib
import re
from types import ModuleType

import pandas as pd
import pytest

from llmseg.resources import conf_folder
from llmseg.study.published import published
from tests.docs.commands import ROOT

NAMES = sorted(path.stem for path in (conf_folder() / "model").glob("[!_]*.yaml"))


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("networks")


def table() -> dict[str, list[str]]:
    """The cells of the page's table by their first one, and its header under an empty name."""
    text = (ROOT / "docs" / "networks.md").read_text()
    found = re.search(r"<!-- table: networks -->\n(.*?)\n<!-- end -->", text, flags=re.DOTALL)
    assert found is not None
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines())
    return {"": head} | {row[0].strip("`"): row for row in rows}


@pytest.mark.parametrize("name", NAMES)
def test_each_row_is_what_the_code_gives(name: str, networks: ModuleType) -> None:
    row = networks.row(name)
    assert [table()[""], table()[name]] == [list(row), list(row.values())], "python benchmarks/networks.py --write"


def test_every_network_is_there_once_the_llms_first() -> None:
    rows = list(table())[1:]
    assert sorted(rows) == NAMES
    assert rows[:3] == ["gpt4", "gpt4o", "gpt_o1"]
    assert set(rows[:21]) == set(published("networks")["author"])


def test_of_the_llms_networks_the_study_says_the_same() -> None:
    known = published("networks").set_index("author")
    shown = pd.DataFrame(table()).T.loc[known.index, 2:4]
    assert list(shown[2].str.replace(",", "").astype(int)) == list(known["parameters"])
    same = known["input_size"] == 256  # as here; Copilot's was smaller
    assert shown[3][same].astype(float).tolist() == pytest.approx(known["gmacs"][same].tolist(), abs=0.05)
    assert list(shown[4][same]) == [f"{size}x{size}" for size in known["output_size"][same]]
    assert same.sum() >= 20
