"""One part of the analysis: remarks, tables and figures, shown alike in a notebook and in the report."""

import base64
import io
from collections.abc import Hashable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

_LONG = 40  # letters of a text that gets room


@dataclass
class Section:
    """One part of the analysis.

    Attributes:
        title: of the part.
        notes: what a reader must know; also what is missing.
        tables: caption -> table.
        figures: caption -> figure.
    """

    title: str
    notes: list[str] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return section_html(self)


def section_html(section: Section, heading: str = "h2") -> str:
    """A section as HTML without any address: figures are inline PNGs."""
    parts = [f"<{heading}>{escape(section.title)}</{heading}>"]
    parts += [f'<p class="note">{escape(note)}</p>' for note in section.notes]
    parts += [_figure(figure, caption) for caption, figure in section.figures.items()]
    parts += [table_html(table, caption) for caption, table in section.tables.items()]
    return "\n".join(parts)


def table_html(table: pd.DataFrame, caption: str) -> str:
    """A table as HTML; its index is left out where it has no name."""
    shown = table.reset_index() if table.index.name else table
    header = "".join(f'<th scope="col">{escape(_title(name))}</th>' for name in shown)
    columns = [_cells(name, shown[name]) for name in shown]
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
    title = f"<caption>{escape(caption)}</caption>"
    return f'<div class="table"><table>{title}<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'


def texts(name: Hashable, column: "pd.Series[Any]") -> list[str]:
    """A column as text: counts in full, shares with three digits, p-values down to .001, nothing as a dash."""
    if not _is_numeric(column):
        return [_word(value) for value in column]
    numbers = pd.to_numeric(column).astype(float)
    largest = numbers.abs().max()
    is_whole, is_p = bool((numbers.dropna() % 1 == 0).all()), str(name) in ("p", "p_holm")
    return ["-" if number != number else _digits(number, largest, is_whole, is_p) for number in numbers]


def _digits(number: float, largest: float, is_whole: bool, is_p: bool) -> str:
    if is_p and number < 0.001:
        return "< .001"
    if largest >= 10_000:
        return f"{number:,.0f}"
    if is_whole and not is_p:
        return f"{number:.0f}"  # a year has no comma
    if largest < 0.01:
        return f"{number:.2g}"
    return f"{number:.3f}" if abs(number) < 100 else f"{number:,.1f}"


def _word(value: Any) -> str:
    if value is None or value != value:
        return "-"
    return {"True": "yes", "False": "no"}.get(str(value), str(value))


def _is_numeric(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _cells(name: Hashable, column: "pd.Series[Any]") -> list[str]:
    found = texts(name, column)
    if _is_numeric(column):
        return [f'<td class="number">{escape(text)}</td>' for text in found]
    style = ' class="long"' if max(map(len, found), default=0) > _LONG else ""
    return [f"<td{style}>{escape(text)}</td>" for text in found]


def _title(name: Hashable) -> str:
    return str(name).replace("_", " ")


def _figure(figure: Figure, caption: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    code = base64.b64encode(content.getvalue()).decode("ascii")
    image = f'<img alt="{escape(caption, quote=True)}" src="data:image/png;base64,{code}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"
