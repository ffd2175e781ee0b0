"""What tables and JSON files have in common: numbered rows of named values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from llmseg.data.reports.encodings import read_text
from llmseg.data.reports.tables import read_table
from llmseg.errors import DataError


@dataclass(frozen=True)
class Rows:
    """Rows of a file.

    Attributes:
        file: where they stand.
        unit: what one is called in messages: row, line or entry.
        numbers: of each, counted from one.
        rows: name -> value; of a table texts, of JSON anything.
    """

    file: Path
    unit: str
    numbers: Sequence[int]
    rows: Sequence[Mapping[str, Any]]

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of their first occurrence."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def place(self, number: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.file}, {self.unit} {number}"


def table_rows(file: Path, encoding: str | None) -> Rows:
    """Rows of a table.

    Raises:
        DataError: see `read_table`; there are no rows.
    """
    table = read_table(file, encoding)
    if not table.rows:
        raise DataError(f"{file}: has a first line and no rows: add reports")
    return Rows(file, "row", range(1, len(table.rows) + 1), table.rows)


def json_rows(file: Path, encoding: str | None) -> Rows:
    """Objects of a JSON array, or one object a line; blank lines are passed over.

    Raises:
        DataError: the file is missing or empty; a line is broken or holds no object. Names the line, or the entry of
            the array.
    """
    text, _ = read_text(file, encoding)
    if text.lstrip().startswith("["):
        entries = _parsed(text, str(file))
        rows = Rows(file, "entry", range(1, len(entries) + 1), entries)
    else:
        lines = {number: line for number, line in enumerate(text.split("\n"), start=1) if line.strip()}
        objects = [_parsed(line, f"{file}, line {number}") for number, line in lines.items()]
        rows = Rows(file, "line", tuple(lines), objects)
    for number, row in zip(rows.numbers, rows.rows, strict=True):
        if not isinstance(row, dict):
            raise DataError(f"{rows.place(number)}: must be a JSON object, {{...}}, not a {type(row).__name__}")
    if not rows.rows:
        raise DataError(f"{file}: is empty: a JSON object for each report is expected")
    return rows


def _parsed(text: str, place: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            names = [name for name, _ in pairs]
            _fail(place, f"key {next(name for name in names if names.count(name) > 1)!r} is there twice: remove one")
        return content

    try:
        content = json.loads(text, object_pairs_hook=once)
        if "\\ud" in text.lower():
            json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        _fail(place, f"not valid JSON ({line}column {error.colno}: {error.msg}): one object a line, or one array")
    except UnicodeEncodeError:
        _fail(place, r"has half a character (\ud800 to \udfff without its other half): correct it")
    except (RecursionError, ValueError):  # thousands of brackets, or of digits
        _fail(place, "not valid JSON that can be read: one object a line, or one array")
    return content


def _fail(place: str, what: str) -> NoReturn:
    raise DataError(f"{place}: {what}")
