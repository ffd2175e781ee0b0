"""The report: one valid page that needs nothing else, with what the notebooks show."""

import base64
import re
from pathlib import Path

import html5lib
import pandas as pd
import pytest

from llmseg.study import report
from llmseg.study.section import Section, section_html, texts
from tests.study.make_runs import scored_study, study_run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("study")
    scored_study(root, cases=10, seeds=1)
    study_run(root, "recorded", ["RuntimeError"])
    report.main([str(root)])
    return (root / "report.html").read_text(encoding="utf-8")


def test_the_page_is_valid_html(page: str) -> None:
    html5lib.HTMLParser(strict=True).parse(page)
    assert page.count("<section") == page.count("</section>") == 10


def test_the_page_names_no_address(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!data:image/png;base64,|#)', page)
    assert "http" not in re.sub(r"base64,[^\"]+", "", page)
    assert "<script" not in page


def test_links_lead_to_parts_and_figures_are_pngs_with_words(page: str) -> None:
    for target in re.findall(r'href="#(\w+)"', page):
        assert f'id="{target}"' in page
    images = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)">', page)
    assert len(images) == page.count("<img") >= 9
    assert all(base64.b64decode(code).startswith(b"\x89PNG") for _, code in images)


def test_the_page_counts_the_error_of_the_study_and_shows_scores(page: str) -> None:
    assert re.search(r"<td>recorded</td><td class=\"number\">1</td>", page)
    assert "GPT o1 preview, Claude 3.5 Sonnet, Grok 3" in page


def test_a_folder_without_runs_makes_a_page_that_says_so(tmp_path: Path) -> None:
    report.main([str(tmp_path), "--output", str(tmp_path / "deep" / "page.html")])
    text = (tmp_path / "deep" / "page.html").read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert "no finished run" in text
    assert "no study run" in text


def test_a_folder_that_is_not_there_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        report.main([str(tmp_path / "nowhere")])
    assert stop.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unknown_option_is_the_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        report.main(["--colour"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_text_is_escaped() -> None:
    section = Section("<b>", ["a & b"], {'"x"': pd.DataFrame({"<i>": ["<script>"]})})
    text = section_html(section)
    assert "<script>" not in text
    assert "&lt;b&gt;" in text
    assert "a &amp; b" in text


@pytest.mark.parametrize(
    ("name", "values", "shown"),
    [
        ("dice", [0.8412, 1.0, None], ["0.841", "1.000", "-"]),
        ("p_holm", [0.0001, 0.0312], ["< .001", "0.031"]),
        ("parameters", [31_042_369.0, None], ["31,042,369", "-"]),
        ("seconds", [1474.03, 12.5], ["1,474.0", "12.500"]),
        ("errors", [0.0, 1.0, None], ["0", "1", "-"]),
        ("year", [2024, 2025], ["2024", "2025"]),
        ("lr", [1e-4, 1e-3], ["0.0001", "0.001"]),
        ("company", ["OpenAI", None], ["OpenAI", "-"]),
        ("reasoning", [True, None], ["yes", "-"]),
    ],
)
def test_columns_as_text(name: str, values: list[object], shown: list[str]) -> None:
    assert texts(name, pd.Series(values)) == shown
