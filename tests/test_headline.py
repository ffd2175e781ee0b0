"""The pages hold what results/ have: schema of the files, `make report` as a fixed point, means done again."""

import copy
import importlib
import json
import re
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "results").glob("*.json")) + sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def headline(name: str) -> Any:
    return importlib.import_module(f"headline.{name}")


def content(name: str) -> Any:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.parent.name}/{file.stem}")
def test_every_result_says_how_it_was_made(file: Path) -> None:
    assert importlib.import_module("harness.result").faults(json.loads(file.read_text())) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("command", None, "command"), ("seeds", 3, "seeds"), ("environment", {}, "no python"), ("rows", [], "rows")],
)
def test_a_result_that_lacks_something_is_refused(key: str, value: Any, said: str, tmp_path: Path) -> None:
    result = importlib.import_module("harness.result")
    broken = content("hippocampus") | {key: value}
    assert said in "; ".join(result.faults(broken))
    with pytest.raises(ValueError, match=said):
        result.write(tmp_path / "x.json", broken)


def test_the_pages_are_what_make_report_writes() -> None:
    """After a change in results/ or in benchmarks/headline: `make report`."""
    assert [page.name for page in headline("pages").outdated()] == []


def test_every_part_is_shown_and_every_mark_is_known() -> None:
    page = importlib.import_module("harness.page")
    texts = {file: file.read_text() for file in headline("pages").pages()}
    asked = {name for text in texts.values() for name in page.marks(text)}
    assert set(headline("pages").parts()) - asked == set()
    readme = page.marks(texts[ROOT / "README.md"])
    assert set(readme) <= set(headline("pages").parts())
    for text in texts.values():
        assert text.count("<!-- end -->") == len(page.marks(text))


def test_a_damaged_page_is_noticed_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = headline("pages")
    (tmp_path / "docs").mkdir()
    whole = (ROOT / "README.md").read_text()
    (tmp_path / "README.md").write_text(whole.replace("| gpt_o3 |", "| gpt_o4 |"))
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    assert list(pages.outdated()) == pages.render() == [tmp_path / "README.md"]
    assert (tmp_path / "README.md").read_text() == whole
    assert pages.render() == []


def test_every_picture_has_its_command() -> None:
    pictures = headline("pictures")
    assert {file.name for file in (ROOT / "docs" / "images").glob("*.png")} == {
        *pictures.FROM_RUNS,
        *pictures.FROM_RESULTS,
    }


def test_what_was_printed_agrees_with_the_runs_that_were_kept() -> None:
    """hippocampus_4: means and deviations of the tables, from the 35 runs beside them."""
    values = content("hippocampus_4")["values"]
    for table, seeds in (("methods", {0, 1, 2}), ("controls", {0, 1})):
        for row in values[table]:
            runs = [run["dice"] for run in values["runs"] if run["name"] == row["row"] and run["seed"] in seeds]
            assert mean(runs) == pytest.approx(row["dice"], abs=6e-4), row["row"]
            if table == "methods":
                assert stdev(runs) == pytest.approx(row["sd_seeds"], abs=6e-4)


def test_means_of_the_table_are_those_of_its_runs() -> None:
    values = content("table")["values"]
    for data in ("hippocampus", "la"):
        spread = values["tables"][f"{data}: spread of the runs of each network"]
        for row in spread:
            model, repaired = row["network"].removesuffix(" repaired"), row["network"].endswith(" repaired")
            runs = [
                run["dice"] for run in values["runs"]
                if (run["data"], run["function_class"], run["repaired"]) == (data, model, repaired)
            ]  # fmt: skip
            assert len(runs) == row["runs"]
            assert mean(runs) == pytest.approx(row["mean"], abs=1e-4)
            assert max(runs) - min(runs) == pytest.approx(row["range"], abs=2e-4)


def test_a_sentence_that_no_longer_holds_stops_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, claims = headline("boxes"), headline("claims")
    changed = copy.deepcopy(content("boxes_tumours"))
    changed["values"]["methods"]["compact"]["mean"]["iou"] = 0.9
    monkeypatch.setattr(boxes, "read", lambda name: changed if name == "boxes_tumours" else content(name))
    with pytest.raises(claims.OutdatedError, match="does not beat"):
        boxes.parts()


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.8706, 3, ".871"), (-0.2326, 3, "-.233"), (1.2854, 2, "1.29"), (1.0, 3, "1"), (0.0, 3, ".000"), (None, 3, ""),
     (10.04, 1, "10.0"), (-1.5, 1, "-1.5")],
)  # fmt: skip
def test_numbers_are_printed_without_the_zero(value: float | None, digits: int, text: str) -> None:
    assert headline("numbers").short(value, digits) == text


def test_seconds_in_units_that_suit_them() -> None:
    shown = [headline("numbers").duration(seconds) for seconds in (53, 991, 6336, 7199)]
    assert shown == ["53 s", "16.5 min", "1 h 46 min", "2 h 0 min"]


def test_a_gpu_has_a_table_once_it_was_measured(tmp_path: Path) -> None:
    speed = headline("speed")
    row = json.loads((ROOT / "benchmarks" / "results" / "dice.json").read_text())["rows"][0]
    assert speed.parts(tmp_path)["rows_cuda"] == speed.NOT_MEASURED
    (tmp_path / "dice_cuda.json").write_text(json.dumps({"rows": [row]}))
    (line,) = speed.parts(tmp_path)["ratios_cuda"]
    assert (line["what"], line["beside"]) == (row["case"], row["peer"])


def test_prose_of_the_numbers_has_no_decimal_of_its_own() -> None:
    """From `## Numbers measured so far` to the next heading decimals stand in rendered parts and commands alone."""
    text = (ROOT / "README.md").read_text()
    text = text[text.index("## Numbers measured so far") : text.index("## Add your own")]
    text = re.sub(r"<!-- (?:table|text): \w+ -->.*?<!-- end -->|```.*?```|`[^`]*`", "", text, flags=re.S)
    assert re.findall(r"(?<![\w-])\d*\.\d+|\d+ (?:min|hours|GiB)\b", text) == []
