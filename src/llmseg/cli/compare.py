"""`python compare.py run=...`: one table and one picture of several runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run
from llmseg.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from omegaconf import DictConfig


NUMBERS = {
    "summary.mean.dice": ("Dice", "{:.3f}"),
    "summary.mean.hd95_mm": ("HD95 mm", "{:.2f}"),
    "summary.mean.nsd": ("NSD", "{:.3f}"),
    "summary.cost.parameters": ("parameters", "{:,.0f}"),
    "summary.cost.gmacs": ("GMACs", "{:.2f}"),
    "summary.cost.seconds_per_case": ("s / case", "{:.2f}"),
}


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("compare", "llmseg.cli.compare:compare")


def compare(cfg: "DictConfig") -> None:
    """Print the runs' table, best first; write comparison.csv and, where they share their cases, comparison.png.

    Raises:
        UserError: no finished run of segmentation or boxes there.
    """
    from llmseg.runs.folder import nothing_in

    folders = [cfg.run] if isinstance(cfg.run, str) else list(cfg.run)
    if not any(any(Path(folder).rglob("summary.json")) for folder in folders):
        raise UserError(f"run={nothing_in(folders)}")

    from llmseg.cli.compare_boxes import compare_boxes
    from llmseg.cli.console import counted, render
    from llmseg.whole import write

    if compare_boxes(folders, Path(cfg.output or folders[0])) and not _any(folders):
        return
    frame = _finished(folders)
    output = Path(cfg.output or folders[0])
    write(output / "comparison.csv", frame.to_csv(index=False))
    if cfg.classes:
        _print_classes(frame, output)
        return
    rows = [["run", "data", *(name for name, _ in NUMBERS.values())]]
    for record in frame.to_dict("records"):
        numbers = [_format(record.get(key), pattern) for key, (_, pattern) in NUMBERS.items()]
        rows.append([record["label"], record["summary.data"], *numbers])
    rows += _references(frame)
    print(render(rows, counted(len(frame), "run"), sorted(set(frame["summary.note"].dropna()))))
    if _draw(frame.head(cfg.columns), output / "comparison.png"):
        print(f"\npicture: {output / 'comparison.png'}")


def _print_classes(frame: "pd.DataFrame", output: Path) -> None:
    """Print and write one row for each function class."""
    import pandas as pd

    from llmseg.cli.classes import merge
    from llmseg.cli.console import counted, render
    from llmseg.whole import write

    rows = merge(frame)
    write(output / "classes.csv", pd.DataFrame(rows[1:], columns=rows[0]).to_csv(index=False))
    count = len(rows) - 1
    title = f"{count} function class{'es' if count != 1 else ''} of {counted(len(frame), 'run')}"
    print(render(rows, title, sorted(set(frame["summary.note"].dropna())), is_text=True))


def _any(folders: list[str]) -> bool:
    """Whether there are finished runs of segmentation."""
    from llmseg.runs import collect

    return any(len(collect(folder)) for folder in folders)


def _finished(folders: list[str]) -> "pd.DataFrame":
    """All finished runs, best first."""
    import pandas as pd

    from llmseg.runs import collect
    from llmseg.runs.labels import labels
    from llmseg.runs.read import no_runs

    tables = [table for table in map(collect, folders) if len(table)]
    if not tables:
        raise UserError(f"run={no_runs(folders)}")
    frame = pd.concat(tables).drop_duplicates("run")
    frame = frame.sort_values("summary.mean.dice", ascending=False, ignore_index=True)
    frame.insert(0, "label", labels(frame))
    return frame


def _references(frame: "pd.DataFrame") -> list[list[str]]:
    """One row for the baseline of each data set that has one."""
    if "summary.reference.name" not in frame:
        return []
    rows = []
    for record in frame.dropna(subset=["summary.reference.name"]).drop_duplicates("summary.data").to_dict("records"):
        values = (record.get(key.replace("summary.", "summary.reference.")) for key in NUMBERS)
        numbers = [_format(value, pattern) for value, (_, pattern) in zip(values, NUMBERS.values(), strict=True)]
        rows.append([str(record["summary.reference.name"]), str(record["summary.data"]), *numbers])
    return rows


def _format(value: Any, pattern: str) -> str:
    return "-" if value is None or value != value else pattern.format(value)


def _draw(frame: "pd.DataFrame", path: Path) -> bool:
    """Draw the runs' predictions side by side; False where they do not segment the same classes of the same cases."""
    from llmseg.cli.pictures import data_of, prediction_of, what
    from llmseg.plots.predictions import draw_extremes
    from llmseg.runs import RunFolder, collect_cases

    folders = [RunFolder(Path(name)) for name in frame["run"]]
    data = [data_of(folder) for folder in folders]
    first = data[0]
    if any(what(each) != what(first) for each in data):
        return False
    predictions = {}
    for record, folder, each in zip(frame.to_dict("records"), folders, data, strict=True):
        title = f"{record['label']}\nmean Dice {_format(record['summary.mean.dice'], '{:.3f}')}"
        predictions[title] = prediction_of(folder, each)
    scores = collect_cases(folders[0].path).groupby("case")["dice"].mean()
    dice = {str(case): float(value) for case, value in scores.items()}
    cases = [cached.case for cached in first.part("test")]
    draw_extremes(predictions, cases, first.recipe, dice, path, first.config.name, first.config.note)
    return True


if __name__ == "__main__":
    main()
