"""Small report files in their true on-disk format."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmseg.data.reports.config import ReportsConfig, ReportSplitConfig

ADVICE = (
    ("左肾上腺见结节，大小约17mm×15mm。", "左肾上腺结节，请结合临床。"),
    ("肝脏大小形态正常；未见异常密度影。", "肝脏未见明显异常。"),
)


def write(file: Path, text: str, encoding: str = "utf-8") -> Path:
    """A text file whose line ends are those of the text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode(encoding))
    return file


def advice(file: Path, encoding: str = "utf-8") -> Path:
    """Two Chinese reports with advice, INSTRUCTION and RESPONSE."""
    lines = ["INSTRUCTION,RESPONSE", *(f'"{before}",{after}' for before, after in ADVICE)]
    return write(file, "\r\n".join(lines) + "\r\n", encoding)


def lines(file: Path, objects: Sequence[Any]) -> Path:
    """JSON Lines."""
    return write(file, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects))


def config(file: Path | None, split: Mapping[str, Any] | None = None, **changes: Any) -> ReportsConfig:
    """The configuration of a file."""
    return ReportsConfig(file=None if file is None else str(file), split=ReportSplitConfig(**(split or {})), **changes)


def xml(findings: str, impression: str, tags: Sequence[str] = (), indication: str = "") -> str:
    """A report of Open-i as far as it is read."""
    texts = {"COMPARISON": "None.", "INDICATION": indication, "FINDINGS": findings, "IMPRESSION": impression}
    abstract = "".join(f'<AbstractText Label="{label}">{text}</AbstractText>\n' for label, text in texts.items())
    major = "".join(f"<major>{tag}</major>" for tag in tags)
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}\n<eCitation>{abstract}<MeSH>{major}</MeSH></eCitation>"
