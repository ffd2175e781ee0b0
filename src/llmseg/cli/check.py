"""`python -m llmseg.cli.check data=...`: all faults of a data set at once."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from llmseg.data.checks.dataset import Report
    from llmseg.data.checks.fault import Fault
    from llmseg.data.checks.scans import Examined

_COLUMNS = ("severity", "case", "file", "kind", "fault", "remedy")
_HEADER = ["", "case", "file", "kind", "what is wrong", "what to do"]
_ALIKE = 5  # warnings of one kind and text that the screen shows


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("check", "llmseg.cli.check:check")


def check(cfg: "DictConfig") -> None:
    """Print one row for each fault, then a summary of the data set; write check.csv where asked for.

    Raises:
        DataError: there are faults; warnings alone are none.
    """
    import pandas as pd

    from llmseg.cli.console import quiet_libraries
    from llmseg.data.checks.fault import FAULT
    from llmseg.errors import DataError
    from llmseg.whole import write

    quiet_libraries()
    report = _check(cfg)
    root = str(cfg.data.root)
    rows = [[_shown(getattr(row, name), root) for name in _COLUMNS] for row in report.rows]
    print(describe(report, str(cfg.data.name), root))
    if cfg.output:
        write(Path(cfg.output) / "check.csv", pd.DataFrame(rows, columns=list(_COLUMNS)).to_csv(index=False))
    if faults := report.count(FAULT):
        raise DataError(f"{root}: {faults} fault(s), see the table above")


def _check(cfg: "DictConfig") -> "Report":
    from llmseg.cli import build
    from llmseg.data.checks.dataset import Report, check_data
    from llmseg.data.checks.fault import Fault
    from llmseg.errors import DataError

    try:
        build.complete_data(cfg.data)
    except DataError as error:  # the file that describes the data set
        return Report([Fault.of(error, "layout")], [], {})
    # Only the reader and the typed configuration are taken from it; both are the same for a 3D network.
    data = build.build_data(build.plain(cfg.data), spatial_dims=2, cache=Path(cfg.paths.cache), seed=0)
    with _Bar() as begin:
        return check_data(data.config, data.reader, begin, bare=bool(cfg.data.reader.get("unlabelled")))


def describe(report: "Report", name: str, root: str) -> str:
    """The table of faults, if any, and that of the data set."""
    from llmseg.cli.console import counted, render
    from llmseg.data.checks.fault import FAULT, WARNING

    faults, warnings = report.count(FAULT), report.count(WARNING)
    text = []
    if report.rows:
        rows = [[_shown(getattr(row, key), root) for key in _COLUMNS] for row in _abridged(report.rows)]
        title = f"{name}: {counted(faults, 'fault')}, {counted(warnings, 'warning')}"
        text.append(render([_HEADER, *rows], title, is_text=True))
    if sound := [case for case in report.cases if case.header is not None]:
        title = f"{name}: {counted(len(report.cases), 'case')}" + ("" if faults else ", no faults")
        text.append(render(summary(report, sound), title, is_text=True))
    return "\n".join(text)


def summary(report: "Report", cases: Sequence["Examined"]) -> list[list[str]]:
    """What the readable cases are like, one fact a row; the first row is the header."""
    headers = [case.header for case in cases if case.header is not None]
    parts = list(report.parts.values())
    named = ("train", "val", "test", *(["unlabelled"] if "unlabelled" in parts else []))
    rows = [
        ["patients", str(len({case.case.group for case in report.cases}))],
        ["split", ", ".join(f"{parts.count(part)} {part}" for part in named) if parts else "none"],
        ["channels", _range(len(case.case.images) for case in cases)],
        ["voxels", " x ".join(_range(header.shape[axis] for header in headers) for axis in range(3))],
        ["spacing, mm", " x ".join(_range(float(header.spacing[axis]) for header in headers) for axis in range(3))],
    ]
    for channel in range(max(len(case.ranges) for case in cases)):
        lowest, highest = zip(*(case.ranges[channel] for case in cases if len(case.ranges) > channel), strict=True)
        rows.append([f"intensity, channel {channel}", f"{min(lowest):.5g} to {max(highest):.5g}"])
    for name in cases[0].case.labels:
        volumes = [case.volumes[name] for case in cases if case.volumes.get(name)]
        labelled = sum(bool(case.volumes) for case in cases)
        size = f": {_range(volumes, '{:.3g}')} ml" if volumes else ""
        rows.append([f"class {name}", f"in {len(volumes)} of {labelled} labels{size}"])
    return rows


def _range(values: Iterable[float], pattern: str = "{:.4g}") -> str:
    known = sorted(values)
    low, high = pattern.format(known[0]), pattern.format(known[-1])
    return low if low == high else f"{low}-{high}"


def _abridged(rows: Sequence["Fault"]) -> list["Fault"]:
    """All faults, but only the first few of many warnings that say the same; check.csv has them all."""
    from dataclasses import replace

    from llmseg.data.checks.fault import WARNING

    shown: list[Fault] = []
    alike: dict[tuple[str, str], int] = {}
    for row in rows:
        key = row.kind, row.remedy
        alike[key] = alike.get(key, 0) + (row.severity == WARNING)
        if row.severity != WARNING or alike[key] <= _ALIKE:
            shown.append(row)
    for index in range(len(shown) - 1, -1, -1):
        row = shown[index]
        if row.severity == WARNING and (more := alike.pop((row.kind, row.remedy), 0) - _ALIKE) > 0:
            shown.insert(index + 1, replace(row, case="...", file="", fault=f"{more} more like these: output=FOLDER"))
    return shown


def _shown(text: str, root: str) -> str:
    """Files by their place in the data set."""
    return text.replace(f"{root}/", "")


class _Bar:
    """A progress bar on standard error, where that is a terminal."""

    def __enter__(self) -> Callable[[int], Callable[[], None]]:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._progress.start()
        return self._begin

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _begin(self, total: int) -> Callable[[], None]:
        task = self._progress.add_task("cases", total=total)
        return lambda: self._progress.advance(task)


if __name__ == "__main__":
    main()
