"""A text in, a text out."""

from collections.abc import Mapping
from typing import Any

from llmseg.data.reports.columns import joined
from llmseg.data.reports.config import names_of
from llmseg.data.reports.openi import sections_of
from llmseg.data.reports.sample import Report
from llmseg.errors import UserError
from llmseg.language.writing import Generation, Writer, Written

INSTRUCTION = "Generate impression based on findings."
_FINDINGS = "findings"


def instruction_of(config: Mapping[str, Any]) -> str | None:
    """What a run was trained to be asked; None: its prompt has no place for an instruction."""
    prompt = config["llm"].get("prompt") or {}
    text = prompt.get("text")
    if text is not None and "{instruction}" not in text:
        return None
    return str(prompt.get("instruction") or INSTRUCTION)


def input_of(config: Mapping[str, Any], background: str, text: str) -> str:
    """Clinical background and findings put together as in the reports that a run was trained on.

    Raises:
        UserError: the background is empty, but was not in any of those reports.
    """
    main, other = _inputs(config)
    if other is None:
        return text.strip()
    parts = {other: background.strip(), main: text.strip()}
    order = sorted(parts, key=_names(config).index)
    found = joined({name: parts[name] for name in order}, bool(config["data"].get("headings")))
    if not found:
        raise UserError(f"the run was trained on reports that all have {order[-1]}: fill it in")
    return found


def reads_background(config: Mapping[str, Any]) -> bool:
    """Whether a run was trained with something beside the findings."""
    return _inputs(config)[1] is not None


def _inputs(config: Mapping[str, Any]) -> tuple[str, str | None]:
    """What the findings are called, and the first other thing that a run reads."""
    names = _names(config)
    main = _FINDINGS if _FINDINGS in names else names[-1]
    return main, next((name for name in names if name != main), None)


def _names(config: Mapping[str, Any]) -> tuple[str, ...]:
    data = config["data"]
    columns, sections = (data.get("columns") or {}).get("input"), data.get("input")
    if columns or not sections:
        return names_of(columns or _FINDINGS, "data.columns.input")
    return sections_of(sections)


def answer(
    writer: Writer,
    config: Mapping[str, Any],
    text: str,
    how: Generation,
    background: str = "",
    instruction: str | None = None,
) -> Written:
    """Let a writer answer one report.

    Args:
        writer: of a run.
        config: of the run.
        text: findings, or the description of images.
        how: it is generated.
        background: clinical information.
        instruction: what is asked for; None or blank: as the run's prompt says.

    Raises:
        UserError: there is no text, or more of it than the model can read.
    """
    if not text.strip():
        raise UserError("there is no text to read: type or paste a report first")
    asked = (instruction or "").strip() or None
    report = Report("page", input_of(config, background, text), instruction=asked, line=1)
    ((_, written),) = writer.write([report], how)
    return written
