"""From a configuration to reports: which reader, which rows, and none that is empty."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llmseg.data.reports.chats import chats_of, is_chat
from llmseg.data.reports.columns import Reading, no_column, reports_of
from llmseg.data.reports.config import ReportsConfig
from llmseg.data.reports.encodings import read_text
from llmseg.data.reports.openi import package_archive, read_openi
from llmseg.data.reports.rows import json_rows, table_rows
from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, DataError

_TABLES = (".csv", ".tsv", ".tab")
_JSON = (".json", ".jsonl", ".ndjson")
_ARCHIVES = (".tgz", ".gz", ".tar")
_SHOWN = 8


class Found(NamedTuple):
    """The usable reports of a file.

    Attributes:
        reports: with input and output, in the order of the file.
        left_out: why -> how many.
        kind: openi, table, json or chat.
    """

    reports: list[Report]
    left_out: dict[str, int]
    kind: str


def read_reports(config: ReportsConfig, file: Path | None) -> Found:
    """Read a file, keep what `data.where` says, and see to it that nothing is empty.

    Args:
        config: how.
        file: null: the package's Open-i archive.

    Raises:
        ConfigError: a column that is not there.
        DataError: anything wrong with the file; the filter keeps nothing; with `data.empty=error` a report without
            input or output.
    """
    file = package_archive() if file is None else file
    kind = config.format or format_of(file, config.encoding)
    reading = _read(config, file, kind)
    kept = _filtered(reading.reports, config.where, file)
    full = [report for report in kept if report.input and report.output]
    empty = [report for report in kept if not (report.input and report.output)]
    names = [reading.output if report.input else reading.input for report in empty]
    if empty and config.empty == "error":
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise DataError(
            f"{file}, {reading.unit} {empty[0].line}: {names[0]} is empty{more}: fill it in, or leave such reports "
            "out with data.empty=drop"
        )
    if not full:
        raise DataError(f"{file}: no report has both {reading.input} and {reading.output}: are the columns right?")
    left_out = {f"{name} is empty": names.count(name) for name in dict.fromkeys(names)}
    if len(kept) < len(reading.reports):
        left_out["data.where"] = len(reading.reports) - len(kept)
    return Found(full, left_out, kind)


def format_of(file: Path, encoding: str | None = None) -> str:
    """Kind of a file, by its ending or else its first character: openi, table or json (chats are JSON as well).

    Raises:
        DataError: it is missing or cannot be read.
    """
    ending = file.suffix.lower()
    for kind, endings in (("table", _TABLES), ("json", _JSON), ("openi", _ARCHIVES)):
        if ending in endings:
            return kind
    if file.is_dir():
        return "openi"
    text, _ = read_text(file, encoding)
    return "json" if text.lstrip()[:1] in ("{", "[") else "table"


def _read(config: ReportsConfig, file: Path, kind: str) -> Reading:
    if kind == "openi":
        return read_openi(config, file)
    if config.input is not None:
        raise ConfigError("data.input: is for Open-i; name the columns of other files with data.columns.input")
    if kind == "table":
        return reports_of(table_rows(file, config.encoding), config)
    rows = json_rows(file, config.encoding)
    told = config.format is None and config.columns.output is None and is_chat(rows.rows[0])
    return chats_of(rows) if kind == "chat" or told else reports_of(rows, config)


def _filtered(reports: Sequence[Report], where: Mapping[str, Any] | None, file: Path) -> list[Report]:
    kept = list(reports)
    for name, wanted in (where or {}).items():
        known = list(dict.fromkeys(key for report in reports for key in report.fields))
        if name not in known:
            raise no_column("data.where", name, known, file)
        values = {_folded(value) for value in (wanted if isinstance(wanted, list | tuple) else [wanted])}
        left = [report for report in kept if _folded(report.fields.get(name, "")) in values]
        if not left:
            there = list(dict.fromkeys(report.fields.get(name, "") for report in kept))
            shown = ", ".join(map(repr, there[:_SHOWN])) + (", ..." if len(there) > _SHOWN else "")
            raise DataError(f"{file}: data.where.{name}={wanted} keeps no report: there is {shown}")
        kept = left
    return kept


def _folded(value: Any) -> str:
    return str("" if value is None else value).strip().casefold()
