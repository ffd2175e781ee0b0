"""Tables of texts: what is read is what stands there, and what is written is read again."""

import csv
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmseg.data.reports.tables import read_table, write_table
from llmseg.errors import ConfigError, DataError, UserError
from tests.data.make import one_line
from tests.data.reports.files import ADVICE, advice, write

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "gb18030"]
# a zero byte is refused, half characters cannot be encoded, and a file's first character may not be its mark
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=12)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, str]]]:
    columns = draw(st.lists(NAME.filter(str.strip), min_size=1, max_size=4, unique=True))
    return columns, draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, TEXT)), max_size=4))


@settings(max_examples=60, deadline=None)
@given(table=tables(), encoding=st.sampled_from(ENCODINGS), ending=st.sampled_from(["csv", "tsv"]))
def test_what_is_written_is_read_again(
    table: tuple[list[str], list[dict[str, str]]], encoding: str, ending: str
) -> None:
    columns, rows = table
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"table.{ending}"
        write_table(file, columns, rows, encoding)
        found = read_table(file, encoding)
        assert (found.columns, found.rows, found.encoding) == (tuple(columns), tuple(rows), encoding)
        assert os.listdir(folder) == [file.name]


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("gbk", "gb18030"), ("gb18030", "gb18030")],
)
def test_encoding_is_detected_and_kept(encoding: str, detected: str, tmp_path: Path) -> None:
    table = read_table(advice(tmp_path / "in.csv", encoding))
    assert table.encoding == detected
    assert table.columns == ("INSTRUCTION", "RESPONSE")
    assert [tuple(row.values()) for row in table.rows] == list(ADVICE)
    write_table(tmp_path / "out.csv", table.columns, table.rows, table.encoding)
    again = (tmp_path / "out.csv").read_bytes()
    assert again.decode(encoding) == (tmp_path / "in.csv").read_bytes().decode(encoding).replace('"', "")
    assert again.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")


def test_the_real_files_are_equal(sample_data: Path) -> None:
    gbk, utf8 = (read_table(sample_data / "advice_zh" / f"sample-{name}.csv") for name in ("gbk", "utf8"))
    assert (gbk.encoding, utf8.encoding) == ("gb18030", "utf-8")
    assert gbk.rows == utf8.rows
    assert gbk.columns == ("INSTRUCTION", "RESPONSE")
    assert len(gbk.rows) == 2
    assert gbk.rows[0]["INSTRUCTION"].startswith("左侧肾上腺体部见大小约为17.8mm×15.7mm结节；")


def test_a_character_beyond_gbk_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    write_table(file, ["GENERATED"], [{"GENERATED": "𠮷 é 🫁"}], "gbk")
    assert read_table(file).rows == ({"GENERATED": "𠮷 é 🫁"},)
    with pytest.raises(UserError) as caught:
        write_table(file, ["GENERATED"], [{"GENERATED": "左"}], "latin-1")
    one_line(caught.value, "t.csv", "'左'")
    assert read_table(file).rows[0]["GENERATED"].startswith("𠮷"), "the old file stays"


def test_cells_are_texts_with_line_ends_and_quotes(tmp_path: Path) -> None:
    text = 'a,b,c\r\n"x ""y""\nz",007,NA\r\n\r\nonly\n'
    table = read_table(write(tmp_path / "t.csv", text))
    assert table.rows == ({"a": 'x "y"\nz', "b": "007", "c": "NA"}, {"a": "only", "b": "", "c": ""})
    with (tmp_path / "t.csv").open(newline="") as stream:
        assert next(csv.DictReader(stream)) == table.rows[0]


def test_tabs_are_told(tmp_path: Path) -> None:
    for name in ("t.tsv", "t.csv", "t.txt"):
        assert read_table(write(tmp_path / name, "a\tb\n1,5\t2\n")).rows == ({"a": "1,5", "b": "2"},)
    assert read_table(write(tmp_path / "t.csv", "a,b\n1\t5,2\n")).rows == ({"a": "1\t5", "b": "2"},)
    assert read_table(write(tmp_path / "t.csv", '"a\tb"\n1\n')).columns == ("a\tb",)
    write_table(tmp_path / "t.csv", ["a\tb"], [{"a\tb": "1"}], "utf-8")
    assert read_table(tmp_path / "t.csv").rows == ({"a\tb": "1"},)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        ("\n\r\n", ["is empty"]),
        ("a,b,a\n1,2,3\n", ["two columns 'a'"]),
        ("a,,c\n1,2,3\n", ["column 2 has no name"]),
        ("a,b\n1,2\n1,2,3\n", ["row 2", "3 cells for 2 columns"]),
        ('a,b\n1,2\n"1,2\n3,4\n', ["row 2", "a quote is not closed"]),
        ('a,b\n"1"x,2\n', ["row 1", "correct the quotes"]),
        ("a,b\n1,\0\n", ["line 2", "zero byte"]),
    ],
)
def test_broken_tables(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_table(write(tmp_path / "t.csv", text))
    one_line(caught.value, "t.csv", *words)


def test_wrong_encodings(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    for content, encoding, words in (
        (b"a,b\n1,\xff\xff\n", None, "neither UTF-8 nor GBK"),
        ("a,b\n1,2\n3,左\n".encode("gbk"), "utf-8", "line 3: is not utf-8"),
        ("a,b\n1,2\n3,é\n".encode("latin-1"), "gbk", "line 3: is not gb18030"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_table(file, encoding)
        one_line(caught.value, "t.csv", words)
    for name in ("utf-9", "hex"):
        with pytest.raises(ConfigError) as wrong:
            read_table(file, name)
        one_line(wrong.value, f"encoding={name}")
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path)


def test_a_mark_is_no_part_of_a_name_whatever_was_said(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "a\n1\n", "utf-8-sig"), "utf-8")
    assert table.columns == ("a",)


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        write_table(tmp_path / "file" / "t.csv", ["a"], [], "utf-8")
    one_line(caught.value, "cannot be written")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=40) | st.text('ab,"\n\r\t左', max_size=30).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    try:
        table = read_table(file)
    except UserError as error:
        one_line(error)
    else:
        assert all(tuple(row) == table.columns for row in table.rows)
