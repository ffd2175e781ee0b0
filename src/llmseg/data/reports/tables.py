"""Tables of texts: comma or tab, every cell as it stands in the file.

Cells are never made numbers or missing values of: `NA` and `007` are texts, and what is written back is what was read.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmseg.data.reports.encodings import known_encoding, read_text
from llmseg.errors import DataError, UserError
from llmseg.whole import write_bytes

_TAB_ENDINGS = (".tsv", ".tab")
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Table:
    """A table in memory.

    Attributes:
        columns: names, in the order of the file; each once, none empty.
        rows: column -> cell; all columns, an empty cell is "".
        encoding: of the file, to write it back with.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    encoding: str


def read_table(file: Path, encoding: str | None = None) -> Table:
    """Read a table; the first line names the columns, wholly blank lines are passed over.

    Cells in double quotes may hold commas, line ends and doubled quotes. A row with too few cells is filled up with
    empty ones. Tabs separate cells where the name ends in .tsv or .tab, or the first line has, outside quotes, tabs and
    no comma.

    Args:
        file: the table.
        encoding: see `llmseg.data.reports.encodings.read_text`.

    Returns:
        The table, perhaps without rows.

    Raises:
        ConfigError: no such encoding.
        DataError: the file is missing, empty or not of that encoding; a column has no name or two have the same one; a
            row has more cells than there are columns, or its quotes are not closed. Rows are counted from one, without
            the header.
    """
    text, found = read_text(file, encoding)
    lines = _rows(text, _delimiter(file, text), file)
    columns = tuple(next(lines, ()))
    if not columns:
        raise DataError(f"{file}: is empty: a first line with the names of the columns is expected")
    _check_names(columns, file)
    rows = tuple(_row(columns, cells, number, file) for number, cells in enumerate(lines, start=1))
    return Table(columns, rows, found)


def write_table(file: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]], encoding: str) -> None:
    """Write a table, whole or not at all.

    Args:
        file: .tsv or .tab: separated by tabs, else by commas; its folder is made.
        columns: names; of a row only these are written.
        rows: column -> cell; one that is missing is empty.
        encoding: utf-8-sig and utf-16 begin with a byte order mark; GBK is written as GB18030.

    Raises:
        ConfigError: no such encoding.
        UserError: the encoding lacks a character, or the file cannot be written.
    """
    buffer = io.StringIO(newline="")
    delimiter = "\t" if file.suffix.lower() in _TAB_ENDINGS else ","
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    # a bare tab in the first line would be taken for what separates the cells
    has_tab = any("\t" in column for column in columns)
    names = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL) if has_tab else writer
    names.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    text, name = buffer.getvalue(), known_encoding(encoding)
    try:
        write_bytes(file, text.encode(name))
    except UnicodeEncodeError as error:
        raise UserError(f"{file}: {name} has no {text[error.start]!r}: choose encoding=utf-8 or gbk") from error
    except OSError as error:
        raise UserError(f"{file}: cannot be written ({error.strerror})") from error


def _delimiter(file: Path, text: str) -> str:
    if file.suffix.lower() in _TAB_ENDINGS:
        return "\t"
    header = _QUOTED.sub("", text.lstrip("\r\n")).partition("\n")[0]
    return "\t" if "\t" in header and "," not in header else ","


def _rows(text: str, delimiter: str, file: Path) -> Iterator[list[str]]:
    """Cells of each line that is not blank; of a table of one column a blank line above others is an empty cell."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    count, blank, is_single = 0, 0, False
    try:
        for cells in reader:
            if not cells:
                blank += is_single
                continue
            yield from [[""]] * blank
            yield cells
            is_single = is_single or (count == 0 and len(cells) == 1)
            count, blank = count + blank + 1, 0
    except csv.Error as error:
        place = f"row {count}" if count else "the first line"
        fault = "a quote is not closed" if "end of data" in str(error) else str(error)
        raise DataError(f"{file}, {place}: {fault} (up to line {reader.line_num}): correct the quotes") from error


def _check_names(columns: Sequence[str], file: Path) -> None:
    for number, name in enumerate(columns, start=1):
        if not name.strip():
            raise DataError(f"{file}: column {number} has no name: name it, or remove it")
        if name in columns[: number - 1]:
            raise DataError(f"{file}: there are two columns {name!r}: rename or remove one")


def _row(columns: Sequence[str], cells: Sequence[str], number: int, file: Path) -> dict[str, str]:
    if len(cells) > len(columns):
        raise DataError(
            f"{file}, row {number}: has {len(cells)} cells for {len(columns)} columns: quote those with commas"
        )
    return dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=True))
