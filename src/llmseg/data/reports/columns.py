"""From rows with columns of any name to reports."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, NamedTuple

from llmseg.data.reports.config import ColumnsConfig, ReportsConfig, names_of
from llmseg.data.reports.rows import Rows
from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, DataError

_LAYOUTS = (
    ColumnsConfig(input="INSTRUCTION", output="RESPONSE"),
    ColumnsConfig(input="input", output="output", instruction="instruction"),
    ColumnsConfig(input="instruction", output="output"),
    ColumnsConfig(input=["clinical_information", "findings"], output="impression"),
    ColumnsConfig(input="findings", output="impression"),
)
"""What is recognised by itself, in any case; the first that fits. The third is Alpaca's without any input."""
_IDS = ("report_id", "id")


class Reading(NamedTuple):
    """What a reader found.

    Attributes:
        reports: in the order of the file; an empty input or output is "".
        unit: what one is called in messages.
        input: name of the column or key that must not be empty.
        output: name of the column or key with what was written.
    """

    reports: list[Report]
    unit: str
    input: str
    output: str


def reports_of(rows: Rows, config: ReportsConfig) -> Reading:
    """Reports of the rows of a table or of a JSON file.

    Where `data.columns` names nothing, these are recognised: INSTRUCTION and RESPONSE; Alpaca's instruction, input and
    output; findings and impression, with clinical_information where it is there. A file of Alpaca's kind in which no
    row has an input has its questions in `instruction`.

    Raises:
        ConfigError: there is no such column.
        DataError: nothing is recognised; a used value is no text; an id is missing or there twice.
    """
    columns = _columns(rows, config.columns)
    inputs = names_of(columns.input, "data.columns.input")
    reports = [
        _report(_Row(rows.place(number), row), number, columns, inputs, config.headings)
        for number, row in zip(rows.numbers, rows.rows, strict=True)
    ]
    _check_ids(reports, rows, columns)
    return Reading(reports, rows.unit, inputs[-1], str(columns.output))


def no_column(key: str, name: str, known: Sequence[str], file: object) -> ConfigError:
    """The error for a column that is not there, with the nearest one that is."""
    near = get_close_matches(name, known, 1) or [each for each in known if each.lower() == name.lower()]
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"
    return ConfigError(f"{key}: {file} has no column {name!r}: {hint}")


def as_text(value: Any) -> str:
    """A value of a row as a text: null is empty, and what is neither text nor number is JSON."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


class _Row(NamedTuple):
    place: str
    values: Mapping[str, Any]

    def text(self, name: str | None) -> str:
        value = self.values.get(name, "") if name else ""
        if isinstance(value, list | dict):
            raise DataError(f"{self.place}: {name!r} must be a text in quotes, not a {type(value).__name__}")
        return as_text(value).strip()

    def labels(self, name: str | None) -> tuple[str, ...] | None:
        if name is None:
            return None
        value = self.values.get(name)
        parts = map(as_text, value) if isinstance(value, list) else re.split(r"[;|]", self.text(name))
        return tuple(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))


def _report(row: _Row, number: int, columns: ColumnsConfig, inputs: Sequence[str], headings: bool) -> Report:
    return Report(
        id=row.text(columns.id) if columns.id else str(number),
        input=joined({name: row.text(name) for name in inputs}, headings),
        output=row.text(columns.output),
        instruction=row.text(columns.instruction) or None,
        group=row.text(columns.group),
        line=number,
        labels=row.labels(columns.labels),
        fields={name: as_text(value) for name, value in row.values.items()},
    )


def joined(parts: Mapping[str, str], headings: bool) -> str:
    """Parts of an input, each on lines of its own, the empty ones left out; "" where the last one is empty.

    Args:
        parts: name -> text, in order; `clinical_information` has the heading `Clinical information:`.
        headings: begin each with its name, where there are several.
    """
    if not list(parts.values())[-1]:
        return ""
    if not headings or len(parts) == 1:
        return "\n".join(filter(None, parts.values()))
    names = {name: name.replace("_", " ") for name in parts}
    return "\n".join(f"{names[name][:1].upper()}{names[name][1:]}: {text}" for name, text in parts.items() if text)


def _columns(rows: Rows, wanted: ColumnsConfig) -> ColumnsConfig:
    known = rows.names
    found = wanted if wanted.output is not None else _recognised(rows, wanted)
    named = [("input", name) for name in names_of(found.input, "data.columns.input")]
    named += [(key, getattr(found, key)) for key in ("output", "instruction", "id", "group", "labels")]
    for key, name in named:
        if name is not None and name not in known:
            raise no_column(f"data.columns.{key}", name, known, rows.file)
    return found


def _recognised(rows: Rows, wanted: ColumnsConfig) -> ColumnsConfig:
    """The layout of a file, with what was named of it."""
    actual = {name.lower(): name for name in rows.names}
    for layout in _LAYOUTS:
        inputs = names_of(layout.input, "layout")
        needed = [*inputs, str(layout.output)]
        if any(name.lower() not in actual for name in needed):
            continue
        real = [actual[name.lower()] for name in inputs]
        if layout.instruction and not any(as_text(row.get(real[0])).strip() for row in rows.rows):
            continue
        changes: dict[str, Any] = {"input": real, "output": actual[str(layout.output).lower()]}
        if wanted.instruction is None and layout.instruction:
            changes["instruction"] = actual.get(layout.instruction.lower())
        if wanted.id is None:
            changes["id"] = _usable_id(rows, actual)
        return replace(wanted, **changes)
    raise DataError(
        f"{rows.file}: which column is which? There is {', '.join(rows.names)}: name them, e.g. "
        "'data.columns.input=findings' 'data.columns.output=impression'"
    )


def _usable_id(rows: Rows, actual: Mapping[str, str]) -> str | None:
    """A column of ids that nobody named is used only where it is one: filled in, and no value twice."""
    for name in filter(None, map(actual.get, _IDS)):
        values = [as_text(row.get(name)).strip() for row in rows.rows]
        if all(values) and len(set(values)) == len(values):
            return name
    return None


def _check_ids(reports: Sequence[Report], rows: Rows, columns: ColumnsConfig) -> None:
    first: dict[str, Report] = {}
    for report in reports:
        if not report.id:
            raise DataError(f"{rows.place(report.line)}: {columns.id!r} is empty: every report needs an id of its own")
        if (other := first.setdefault(report.id, report)) is not report:
            raise DataError(
                f"{rows.place(report.line)}: {columns.id} {report.id} is that of {rows.unit} {other.line} too: give "
                "each report an id of its own; the patient belongs into data.columns.group"
            )
