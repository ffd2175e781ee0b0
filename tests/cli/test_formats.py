"""Markdown and LaTeX, read back by hand."""

import re

import pytest

from llmseg.cli.formats import escape, latex, markdown

ROWS = [["", "Dice %", "p"], ["a_b | c", "1", "<0.001"]]


def test_markdown() -> None:
    assert markdown(ROWS, "la: 20 cases", ["a note"]).splitlines() == [
        "## la: 20 cases",
        "",
        "|  | Dice % | p |",
        "| :-- | --: | --: |",
        r"| a_b \| c | 1 | <0.001 |",
        "",
        "- a note",
    ]


def test_latex() -> None:
    text = latex(ROWS, "50 % of la_h5", ["one", "two & three"])
    assert r"\begin{tabular}{lrr}" in text
    assert r"\caption{50 \% of la\_h5}" in text
    assert "\n & Dice \\% & p \\\\\n\\midrule\n" in text
    assert r"a\_b \textbar{} c & 1 & \textless{}0.001 \\" in text
    assert r"one; two \& three." in text
    opened, closed = re.findall(r"\\begin\{(\w+)\}", text), re.findall(r"\\end\{(\w+)\}", text)
    assert opened == closed[::-1] == ["table", "tabular"]


@pytest.mark.parametrize("sign", list("\\{}~^<>|&%$#_"))
def test_every_special_sign_is_escaped(sign: str) -> None:
    escaped = escape(f"a{sign}b")
    assert escaped != f"a{sign}b"
    assert escaped.startswith("a\\")
    assert escaped.endswith("b")
    without = re.sub(r"\\text\w+\{\}|\\[{}&%$#_]", "", escaped)  # commands and escaped signs
    assert without == "ab"


def test_plain_text_stays() -> None:
    assert escape("Dice 0.812, ASD (voxel) - é") == "Dice 0.812, ASD (voxel) - é"
