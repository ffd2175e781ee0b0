"""`python -m llmseg.cli.table runs/ baseline=supervised`: methods over seeds and cases, with tests, for a paper."""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.hints import hint
from llmseg.errors import ConfigError, UserError

if TYPE_CHECKING:
    from llmseg.runs.tables import Table

_KEYS = ("baseline", "metrics", "published", "output")
_NAME = 36  # columns of the screen that a row's name may take


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        folders: with runs.
        baseline: row that others are tested against; None: no tests.
        metrics: that are tested.
        published: show published numbers beside ours.
        output: folder of table.md, table.csv and table.tex; None: the first folder.
    """

    folders: list[Path] = field(default_factory=lambda: [Path("runs")])
    baseline: str | None = None
    metrics: tuple[str, ...] = ("dice",)
    published: bool = False
    output: Path | None = None

    @classmethod
    def read(cls, words: Sequence[str]) -> "Options":
        """Read folders and key=value words, in any order.

        Raises:
            ConfigError: a word is neither, or a value cannot be right.
            UserError: no such folder.
        """
        folders = [Path(word) for word in words if "=" not in word or Path(word).is_dir()]
        values: dict[str, str] = {}
        for word in words:
            key, sign, value = word.partition("=")
            if not sign or Path(word).is_dir():
                continue
            if key not in _KEYS:
                raise ConfigError(f"{word}: there is no {key}{hint(key, _KEYS)}")
            if not value:
                raise ConfigError(f"{word}: say which {key}")
            values[key] = value
        for folder in folders:
            if not folder.is_dir():
                raise UserError(f"{folder}: no such folder; give folders with runs, and words such as baseline=NAME")
        return cls(
            folders=folders or [Path("runs")],
            baseline=values.get("baseline"),
            metrics=_metrics(values.get("metrics", "dice")),
            published=_switch("published", values.get("published", "false")),
            output=Path(values["output"]) if "output" in values else None,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; mistakes end in one line.

    Raises:
        SystemExit: 1 or 2 after a mistake.
    """
    try:
        run(Options.read(_parser().parse_args(arguments).words))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(options: Options) -> None:
    """Print the tables and write them as Markdown, CSV and LaTeX.

    Raises:
        UserError: see `llmseg.runs.tables.read_tables`.
    """
    from llmseg.cli.console import render
    from llmseg.cli.formats import latex, markdown
    from llmseg.cli.sections import sections, wide
    from llmseg.runs.tables import read_tables
    from llmseg.whole import write

    tables = read_tables(options.folders, options.baseline, options.metrics)
    parts = [part for table in tables for part in sections(table, options.baseline, options.published)]
    if len(tables) > 1:
        print(_split(tables))
    for part in parts:
        print(render([[_folded(row[0]), *row[1:]] for row in part.rows], part.title, part.notes), end="\n\n")
    output = options.output or options.folders[0]
    try:
        write(output / "table.md", "\n".join(markdown(part.rows, part.title, part.notes) for part in parts))
        write(output / "table.tex", "\n".join(latex(part.rows, part.title, part.notes) for part in parts))
        write(output / "table.csv", wide(tables, options.published).to_csv(index=False, lineterminator="\n"))
    except OSError as error:
        raise UserError(f"output={output}: cannot write there ({error.strerror})") from error
    print(f"written: {output / 'table.md'}, table.tex, table.csv")


def _folded(name: str) -> str:
    """A long name in several lines, so that the numbers beside it are not cut off."""
    return textwrap.fill(name, _NAME, break_long_words=False, break_on_hyphens=False)


def _split(tables: Sequence["Table"]) -> str:
    """Say aloud that the runs do not belong into one table."""
    return (
        f"{len(tables)} sets of runs, never mixed in one table: they differ in data set, cases, classes, checkpoint or "
        "tolerance of NSD\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m llmseg.cli.table",
        description="Methods over seeds and cases, tested against a baseline: printed, and as Markdown, CSV and LaTeX.",
        epilog="words: baseline=supervised  'baseline=supervised labelled=4'  metrics=dice,hd95_mm  published=true  "
        "output=FOLDER",
    )
    parser.add_argument("words", nargs="*", metavar="FOLDER|KEY=VALUE", help="folders with runs (runs/), and options")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ConfigError(f"{message}; see --help")


def _metrics(text: str) -> tuple[str, ...]:
    from llmseg.evaluation.metrics import LEGACY_METRICS, METRICS

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in METRICS + LEGACY_METRICS:
            raise ConfigError(f"metrics={text}: there is no metric '{name}'{hint(name, METRICS + LEGACY_METRICS)}")
    return names


def _switch(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ConfigError(f"{key}={text}: give true or false")
    return text.lower() == "true"


if __name__ == "__main__":
    main()
