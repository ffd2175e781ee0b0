"""`python -m llmseg.cli.runs runs/`: list, filter and compare runs, and remove failed ones."""

import argparse
import csv
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmseg.cli.console import counted, render
from llmseg.errors import ConfigError, UserError

COLUMNS = ("run", "state", "model", "data", "dice", "steps", "seconds", "date")
_INSTEAD = {"grounding": "IoU of runs of boxes", "report": "ROUGE-L of runs of reports"}  # in the column dice
_REMOVABLE = ("failed", "unfinished", "pruned")
_LOCAL = ("paths.", "choices.", "name")


@dataclass(frozen=True)
class _Filter:
    """One word of the command line: `model=gpt4o`, `dice>0.8`, `loss!=dice`, `optimizer.lr<0.01`."""

    key: str
    sign: str
    value: str

    @classmethod
    def read(cls, word: str) -> "_Filter":
        found = re.fullmatch(r"([\w.]+)(!=|<=|>=|=|<|>)(.*)", word)
        if not found:
            raise ConfigError(
                f"'{word}' is neither a folder nor a filter such as model=gpt4o, dice>0.8 or state=failed"
            )
        made = cls(*found.groups())
        if made.sign not in ("=", "!=") and _number(made.value) is None:
            raise ConfigError(f"{word}: '{made.value}' is not a number")
        if made.key == "state":
            from llmseg.runs.state import STATES

            if made.value not in STATES:
                raise ConfigError(f"{word}: choose from {', '.join(STATES)}")
        return made

    def __call__(self, row: Mapping[str, Any]) -> bool:
        """Whether a run is kept; one that lacks the value is not."""
        found = row.get(self.key, row["config"].get(self.key, row["choices"].get(self.key)))
        number, wanted = _number(found), _number(self.value)
        if self.sign in ("=", "!="):
            same = number == wanted if None not in (number, wanted) else str(found).lower() == self.value.lower()
            return same == (self.sign == "=")
        if number is None or wanted is None:
            return False
        return {"<": number < wanted, ">": number > wanted, "<=": number <= wanted, ">=": number >= wanted}[self.sign]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; mistakes end in one line.

    Raises:
        SystemExit: 1 or 2 after a mistake.
    """
    try:
        run(_parser().parse_args(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(options: argparse.Namespace) -> None:
    """Do what the parsed command line says.

    Raises:
        UserError: no runs there, or a wrong word.
    """
    if options.compare:
        print(_comparison(*(_row(Path(name)) for name in options.compare)))
        return
    folders = [Path(word) for word in options.words if Path(word).is_dir()] or [Path("runs")]
    filters = [_Filter.read(word) for word in options.words if not Path(word).is_dir()]
    rows = [row for row in _rows(folders) if all(keep(row) for keep in filters)]
    if options.remove:
        _remove([row for row in rows if row["state"] == options.remove], options.remove, options.yes)
    elif options.csv:
        table = csv.DictWriter(sys.stdout, [*COLUMNS, "error"], extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    else:
        _check_some(rows, folders)
        print(_table(rows))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m llmseg.cli.runs",
        description="List, filter and compare runs, and remove failed ones.",
        epilog="filters: model=gpt4o  data!=brats  dice>0.8  state=failed  seed=1  optimizer.lr<0.01",
    )
    parser.add_argument("words", nargs="*", metavar="FOLDER|FILTER", help="folders with runs (runs/), and filters")
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="what differs between two runs, and their scores"
    )
    parser.add_argument("--remove", choices=_REMOVABLE, metavar="STATE", help=f"remove runs: {', '.join(_REMOVABLE)}")
    parser.add_argument("--yes", action="store_true", help="do not ask before removing")
    parser.add_argument("--csv", action="store_true", help="print CSV")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ConfigError(f"{message}; see --help")


def _rows(folders: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """One row a run, oldest first."""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder")
    found = {file.parent for folder in folders for file in folder.rglob("config.yaml") if file.parent.name != "files"}
    rows = []
    for path in sorted(found):
        try:
            rows.append(_row(path))
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)
    yield from sorted(rows, key=lambda row: (row["date"], row["run"]))


def _row(path: Path) -> dict[str, Any]:
    from llmseg.runs import RunFolder
    from llmseg.runs.result import Result
    from llmseg.runs.state import status

    folder = RunFolder.open(path)
    config = folder.config
    if not isinstance(config, dict) or "choices" not in config:
        raise UserError(f"{path / 'config.yaml'}: not written by a training")
    state, result = status(folder), Result.of(path)
    return {
        "run": str(path),
        "state": state.state,
        "model": _model(config),
        "data": config["choices"].get("data"),
        "dice": result.dice,
        "val_dice": result.val_dice,
        "steps": state.steps,
        "seconds": state.seconds,
        "date": re.sub(r"_(\d\d)-(\d\d)-(\d\d).*", r" \1:\2:\3", path.name),
        "error": state.error,
        "config": _flat(config),
        "choices": config["choices"],
    }


def _model(config: Mapping[str, Any]) -> str | None:
    """What was trained: a choice, or of reports the language model."""
    named = config["choices"].get("model") or config["choices"].get("vlm")
    return named or (Path(config["llm"]["pretrained"]).name if "llm" in config else None)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """All runs, those that failed with their errors below."""
    shown = [[_cell(row, key) for key in COLUMNS] for row in rows]
    others = {row["config"].get("task") for row in rows} & _INSTEAD.keys()
    notes = [f"dice: {', '.join(_INSTEAD[task] for task in sorted(others))}"] if others else []
    text = render([list(COLUMNS), *shown], counted(len(rows), "run"), notes, is_text=True)
    failed = [f"  {row['run']}: {row['error']}" for row in rows if row["error"]]
    return "\n".join([text, *(["failed:", *failed] if failed else [])])


def _comparison(one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """Scores and differing keys of two runs, side by side."""
    rows = [["", one["run"], two["run"]]]
    rows += [[key, _cell(one, key), _cell(two, key)] for key in ("state", "dice", "val_dice", "steps", "seconds")]
    left, right = one["config"], two["config"]
    missing = "-"
    for key in sorted(left.keys() | right.keys()):
        if left.get(key, missing) != right.get(key, missing) and not key.startswith(_LOCAL):
            rows.append([key, str(left.get(key, missing)), str(right.get(key, missing))])
    return render(rows, "scores, and where the configurations differ", is_text=True)


def _remove(rows: Sequence[Mapping[str, Any]], state: str, sure: bool) -> None:
    """Remove runs after asking; one that has been started again in the meantime stays."""
    from llmseg.runs import RunFolder
    from llmseg.runs.state import status

    if not rows:
        print(f"no {state} runs")
        return
    print(_table(rows))
    if not sure:
        if not sys.stdin.isatty():
            raise ConfigError("--remove asks first, but there is nobody to answer: add --yes")
        if input(f"remove these {counted(len(rows), 'run')}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing removed")
            return
    for row in rows:
        folder = RunFolder(Path(row["run"]))
        if status(folder).state != state:
            print(f"kept: {row['run']}, it is {status(folder).state} now")
            continue
        try:
            shutil.rmtree(folder.path)
        except OSError as error:
            raise UserError(f"{folder.path}: cannot be removed ({error.strerror})") from error
        print(f"removed: {row['run']}")


def _check_some(rows: Sequence[object], folders: Sequence[Path]) -> None:
    if not rows:
        raise UserError(f"{', '.join(map(str, folders))}: no run there, or none that all filters keep")


def _cell(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if value is None:
        return "-"
    return f"{value:.3f}" if "dice" in key else f"{value:.0f}" if key == "seconds" else str(value)


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    return {
        name: item
        for key, part in value.items()
        for name, item in _flat(part, f"{prefix}.{key}" if prefix else str(key)).items()
    }


if __name__ == "__main__":
    main()
