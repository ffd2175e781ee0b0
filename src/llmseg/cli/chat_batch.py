"""Answers for every row of a table: rows are kept as they finish, and the table is written whole at the end."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

from rich.console import Console
from rich.progress import Progress, TaskID

from llmseg.cli.hints import hint
from llmseg.data.reports.encodings import known_encoding
from llmseg.data.reports.sample import Report
from llmseg.data.reports.tables import Table, read_table, write_table
from llmseg.errors import ConfigError, DataError, UserError, one_line
from llmseg.language.answers import answers
from llmseg.language.journal import Journal, alone, journal
from llmseg.language.writing import Generation, Writer, Written

GENERATED = "GENERATED"
"""Column of the answers."""
_INDIFFERENT = ("batch_size",)
"""Settings that may be others when a batch is gone on with: what ran out of memory must be able to go on."""


@dataclass(frozen=True)
class Files:
    """What is read, and what is written.

    Attributes:
        in_csv: table with a row a text.
        out_csv: the same table with the column GENERATED.
        column: of the texts.
        encoding: of out_csv; None: that of in_csv, where GBK is written as GB18030.
        in_encoding: of in_csv; None: detected.
        overwrite: replace out_csv where it is there already, and a column GENERATED of in_csv.
    """

    in_csv: Path
    out_csv: Path
    column: str = "INSTRUCTION"
    encoding: str | None = None
    in_encoding: str | None = None
    overwrite: bool = False


@dataclass
class Filled:
    """What became of the rows, which are counted from one, without the header.

    Attributes:
        rows: number of all.
        continued: answered by an earlier process.
        cut: answers that ended because of `max_new_tokens`.
        empty: rows without a text.
        failed: row -> why it was refused.
    """

    rows: int
    continued: int = 0
    cut: int = 0
    empty: tuple[int, ...] = ()
    failed: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line, for the end."""
        parts = [f"{self.rows - len(self.empty) - len(self.failed)} of {self.rows} rows answered"]
        parts += [f"{self.continued} of them earlier"] * bool(self.continued)
        parts += [f"{self.cut} cut at max_new_tokens"] * bool(self.cut)
        parts += [f"{len(self.empty)} without a text"] * bool(self.empty)
        parts += [f"{len(self.failed)} failed"] * bool(self.failed)
        return ", ".join(parts)


def run_batch(load: Callable[[], Writer], files: Files, how: Generation) -> Filled:
    """Answer the texts of a table and write it with the column GENERATED, in the order of its rows.

    Prompts and answers are printed in that order too. A batch that is killed leaves `<out_csv>.partial.jsonl` behind;
    the same call then goes on with the rows that are not in it, and removes it at the end. A row that is refused, such
    as one that is longer than the model's context, has an empty answer and stops no other.

    Args:
        load: gives the writer; called once the files are known to be good.
        files: which ones.
        how: settings of the writer.

    Raises:
        ConfigError: keys that cannot be right, such as an out_csv that is there already, or is in_csv.
        DataError: a table that cannot be used. Nothing is written until here.
        UserError: the writer cannot be had, or answers are there that were written otherwise.
        DataError: rows were refused; the table is written.
    """
    out = _checked(files)
    with alone(out):
        if out.exists() and not files.overwrite:
            raise ConfigError(f"out_csv={files.out_csv}: there already; name another file, or add overwrite=true")
        table = read_table(files.in_csv, files.in_encoding)
        reports = _reports(table, files)
        encoding = _encoding(table, files)
        if table.encoding == "gb18030" and files.in_encoding is None:
            _note(f"{files.in_csv}: no UTF-8, read as GBK; if that is wrong: in_encoding=...")
        writer = load()
        conditions = _conditions(table, files, writer, how)
        filled = Filled(len(table.rows), empty=tuple(sorted(set(range(1, len(table.rows) + 1)) - reports.keys())))
        if filled.empty:
            _note(
                f"{files.in_csv}: {files.column} is empty in row {', '.join(map(str, filled.empty))}; so is {GENERATED}"
            )
        with journal(out.with_name(f"{out.name}.partial.jsonl"), conditions) as kept:
            _fill(writer, reports, how, kept, filled)
            if not kept.done:
                kept.remove()
                raise DataError(f"{files.in_csv}: no row could be answered; row {_first(filled.failed)}")
            columns = [name for name in table.columns if name != GENERATED]
            texts = {row: written.text for row, written in kept.done.items()}
            rows = [{**cells, GENERATED: texts.get(row, "")} for row, cells in enumerate(table.rows, start=1)]
            write_table(out, [*columns, GENERATED], rows, encoding)
            kept.remove()
    _note(f"{files.out_csv}: {filled}")
    if filled.failed:
        which = f"row{'s' * (len(filled.failed) > 1)} {', '.join(map(str, filled.failed))}"
        raise DataError(f"{files.out_csv}: no answer in {which}; row {_first(filled.failed)}")
    return filled


def _first(failed: Mapping[int, str]) -> str:
    row, why = next(iter(failed.items()))
    return f"{row}: {why}"


def _checked(files: Files) -> Path:
    """The file that is written, links followed; refuses what can be seen without reading a table."""
    out, key = files.out_csv.resolve(), f"out_csv={files.out_csv}"
    if not files.in_csv.is_file():
        raise DataError(f"in_csv={files.in_csv}: no such file")
    if out == files.in_csv.resolve() or (out.exists() and out.samefile(files.in_csv)):
        raise ConfigError(f"{key}: is in_csv; name another file, in_csv is never changed")
    if out.is_dir():
        raise ConfigError(f"{key}: is a folder; name a file")
    if not out.parent.is_dir():
        raise ConfigError(f"{key}: there is no folder {files.out_csv.parent}; make it, or name another file")
    try:
        with TemporaryFile(dir=out.parent):
            pass
        if out.exists():
            out.open("r+b").close()
    except OSError as error:
        raise ConfigError(f"{key}: cannot be written ({error.strerror}); name another file") from error
    return out


def _reports(table: Table, files: Files) -> dict[int, Report]:
    """Row -> what is asked, for rows that have a text."""
    if files.column not in table.columns:
        near = hint(files.column, table.columns)
        raise DataError(f"{files.in_csv}: no column {files.column}{near} (column=... names another)")
    if files.column == GENERATED:
        raise ConfigError(f"column={GENERATED}: is the name of the answers' column; rename the one in {files.in_csv}")
    if GENERATED in table.columns and not files.overwrite:
        raise DataError(f"{files.in_csv}: has a column {GENERATED}; rename or remove it, or add overwrite=true")
    if not table.rows:
        raise DataError(f"{files.in_csv}: has no rows below its header")
    texts = {row: cells[files.column].strip() for row, cells in enumerate(table.rows, start=1)}  # as in training
    found = {row: Report(id=str(row), input=text, line=row) for row, text in texts.items() if text}
    if not found:
        raise DataError(f"{files.in_csv}: {files.column} is empty in every row")
    return found


def _encoding(table: Table, files: Files) -> str:
    """The encoding of out_csv, which must have the characters of in_csv."""
    name = known_encoding(files.encoding) if files.encoding else table.encoding
    try:
        "".join([*table.columns, *(cell for cells in table.rows for cell in cells.values())]).encode(name)
    except UnicodeEncodeError as error:
        missing = error.object[error.start]
        raise ConfigError(
            f"encoding={name}: has no {missing!r}, which {files.in_csv} has; choose utf-8 or gbk"
        ) from error
    return name


def _conditions(table: Table, files: Files, writer: Writer, how: Generation) -> Mapping[str, object]:
    settings = {name: value for name, value in asdict(how).items() if name not in _INDIFFERENT}
    return {
        "input": [table.columns, table.rows],
        "column": files.column,
        "model or prompt": writer.identity,
        **settings,
    }


def _fill(writer: Writer, reports: Mapping[int, Report], how: Generation, kept: Journal, filled: Filled) -> None:
    """Have all rows answered that are not in the journal."""
    filled.continued = len(kept.done)
    rows = [row for row in reports if row not in kept.done]
    if kept.done:
        _note(f"{kept.path}: {len(kept.done)} rows are answered already, {len(rows)} to go")
    console = Console(stderr=True)
    is_shown = console.is_terminal
    with Progress(console=console, transient=True, disable=not is_shown, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("rows", total=len(reports), completed=len(kept.done))
        screen = _Screen(writer, reports, filled, kept)
        screen.show()
        try:
            for index, answer in answers(writer, [reports[row] for row in rows], how):
                _take(rows[index], answer, kept, filled)
                screen.show()
                bar.advance(TaskID(task))
        except BaseException:
            if kept.done:
                bar.stop()
                _note(f"{len(kept.done)} rows are kept in {kept.path}: the same command goes on with the others")
            raise
    filled.cut = sum(written.is_cut for written in kept.done.values())
    filled.failed = dict(sorted(filled.failed.items()))


def _take(row: int, answer: Written | UserError, kept: Journal, filled: Filled) -> None:
    if isinstance(answer, Written):
        kept.add(row, answer)
    else:
        filled.failed[row] = one_line(answer)
        _note(f"row {row} has no answer: {one_line(answer)}")


@dataclass
class _Screen:
    """Prints rows in their order, each as soon as it and all before it are done."""

    writer: Writer
    reports: Mapping[int, Report]
    filled: Filled
    kept: Journal
    row: int = 1

    def show(self) -> None:
        """Print what can be printed by now; where nobody reads it any more, the table is still written."""
        try:
            self._print()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _print(self) -> None:
        while self.row <= self.filled.rows:
            row, written = self.row, self.kept.done.get(self.row)
            if written is not None:
                rule = "-" * 20
                print(f"{rule} Instruction {row} {rule}\n{self.writer.prompt_of(self.reports[row])}\n{written.text}\n")
            elif row in self.reports and row not in self.filled.failed:
                break
            self.row += 1
        sys.stdout.flush()


def _note(text: str) -> None:
    print(text, file=sys.stderr)
