"""`python -m llmseg.study.report runs/study`: the whole analysis as one HTML page that needs nothing else."""

import argparse
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.errors import ConfigError, UserError
from llmseg.runs import collect, collect_cases
from llmseg.study import analysis
from llmseg.study.published import llms
from llmseg.study.section import Section, section_html
from llmseg.whole import write

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 74rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.3rem; margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; }
nav a { margin-right: 1rem; } .note { color: #555; max-width: 46rem; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .85rem; }
.table { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: .82rem; min-width: 24rem; }
caption { text-align: left; font-weight: 600;
  padding: .3rem 0; }
th { border-bottom: 2px solid #222; text-align: left; }
th, td { padding: .2rem .7rem .2rem 0; vertical-align: top; } td { border-bottom: 1px solid #eee; max-width: 26rem; }
.long { min-width: 14rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; mistakes end in one line.

    Raises:
        SystemExit: 1 or 2 after a mistake.
    """
    try:
        words = _parser().parse_args(arguments)
        output = words.output or words.folder / "report.html"
        write_report(words.folder, output)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"written: {output}")


def write_report(folder: Path, output: Path) -> None:
    """Write the page of all runs below a folder.

    Args:
        folder: with runs of `study.py`, of `train.py`, or of both; it may hold no finished run.
        output: the HTML file.

    Raises:
        UserError: no such folder, or the page cannot be written.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one with runs, such as runs/study")
    try:
        write(output, page(sections(folder), f"LLMs as authors of segmentation networks: {folder.name}"))
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})") from error


def sections(folder: Path) -> list[Section]:
    """All parts of the analysis, and the LLMs; the same tables and figures as in notebooks/."""
    from llmseg.study import collect as collect_study

    runs, cases, study = collect(folder), collect_cases(folder), collect_study(folder)
    return [
        Section("The LLMs", tables={"LLMs and the networks that they wrote": _llms()}),
        analysis.training_curves(runs),
        analysis.dice(runs, cases),
        analysis.errors(study),
        analysis.variability(runs, cases),
        analysis.cohorts(runs, cases),
        analysis.cost(runs, cases),
        analysis.masks(runs, cases),
        analysis.formulas(runs, cases),
        analysis.wiring_faults(runs, cases),
    ]


def page(parts: Sequence[Section], title: str) -> str:
    """Sections as one HTML page without any external address."""
    links = "\n".join(f'<a href="#part{number}">{escape(part.title)}</a>' for number, part in enumerate(parts))
    body = "\n".join(
        f'<section id="part{number}">\n{section_html(part)}\n</section>' for number, part in enumerate(parts)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n<nav>\n{links}\n</nav>\n{body}\n</body>\n</html>\n"
    )


def _llms() -> pd.DataFrame:
    columns = ["llm", "company", "version", "year", "reasoning", "open_weights", "character_limit", "token_limit"]
    return llms()[[*columns, "network", "parameters", "note"]]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m llmseg.study.report",
        description="The analysis of all runs below a folder as one self-contained HTML page.",
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/study"), help="with runs (runs/study)")
    parser.add_argument("--output", type=Path, help="the HTML file (report.html in the folder)")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ConfigError(f"{message}; see --help")


if __name__ == "__main__":
    main()
