"""How do time and memory grow? `python benchmarks/scaling.py [--small]`, or `make scaling`.

Measures volumes of several sizes, data sets of several lengths and one or two processes on this machine, draws a line
through every second point, checks it on the others, and says by arithmetic, not by measurement, what GPUs would take
for the whole study. Writes benchmarks/results/scaling.json, which `make report` shows in docs/scaling.md.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from growth import estimate, measure
from growth.model import checked
from harness import page
from harness.command import FOLDER
from harness.result import header, read, write

Rows = list[dict[str, Any]]
FILE = FOLDER / "scaling.json"
SIDES, FEW_SIDES = (64, 80, 96, 112, 128, 144, 160), (32, 48, 64)
PREDICTED = (64, 96, 128, 160)  # of a cube's sides; 1, 8, 27 and 64 windows
CASES = (4, 16, 32, 48, 64)
EPOCHS = 3


def main() -> None:
    """Measure, estimate, print, write."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="only try it out: small sizes, no training, nothing written"
    )
    parser.add_argument("--estimate", action="store_true", help="only the arithmetic anew; what was measured stays")
    options = parser.parse_args()
    start = perf_counter()
    if options.estimate:
        return estimate_again()
    tables = measured(options.small) | estimated()
    for name, rows in tables.items():
        print(f"\n{name}\n{page.markdown(rows)}")
    print(f"\n{perf_counter() - start:.0f} s")
    if options.small:
        return
    write(FILE, {**header(["python benchmarks/scaling.py"], [0, 1]), "values": {"tables": tables}})


def estimate_again() -> None:
    """Put the estimates as they are now in place of the file's."""
    content = read(FILE.stem, FOLDER)
    content["command"] = ["python benchmarks/scaling.py", "python benchmarks/scaling.py --estimate"]
    content["values"]["tables"] |= estimated()
    write(FILE, content)


def measured(small: bool) -> dict[str, Rows]:
    """Tables of what this machine does."""
    points = [*volumes(FEW_SIDES, lambda job, side: job(side))] if small else [*volumes(SIDES, measure.alone)]
    tables = {"volumes": points}
    if not small:
        with TemporaryDirectory() as name:
            points = [*points, *cases(Path(name), CASES)]
            tables["cases"] = points[len(tables["volumes"]) :]
            tables["processes"] = processes(Path(name), CASES[-1])
    tables["errors"] = errors(points)
    return tables


def volumes(
    sides: tuple[int, ...], run: Callable[[Callable[[int], tuple[float, float]], int], tuple[float, float]]
) -> Iterator[dict[str, Any]]:
    """A step and a prediction on cubes; `run` calls a job, in a process of its own where its memory counts."""
    steps = [run(measure.training_step, side) for side in sides]
    megavoxels = [side**3 / 1e6 for side in sides]
    yield from checked("training step, s", "million voxels", megavoxels, [seconds for seconds, _ in steps])
    yield from checked("training step, peak MiB", "million voxels", megavoxels, [memory for _, memory in steps])
    covered = [side for side in PREDICTED if side <= max(sides) + measure.WINDOW // 2]
    seconds = [measure.prediction(side)[0] for side in covered]
    yield from checked("prediction, s", "windows", [measure.windows_of(side) for side in covered], seconds)


def cases(folder: Path, counts: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """`train.py` for one epoch, with a cache to be made and with one that is there."""
    fresh = [measure.training(folder, count, f"cache{count}") for count in counts]
    again = [measure.training(folder, count, f"cache{count}") for count in counts]
    yield from checked("caching and one epoch, s", "cases", counts, fresh)
    yield from checked("one epoch, s", "cases", counts, again)


def processes(folder: Path, count: int) -> Rows:
    """An epoch in one and in two processes, and two trainings one after the other and side by side."""
    cache, rows = f"cache{count}", []
    for name, one, two in (
        ("epoch, one training on p processes (DDP)", [], ["trainer=ddp", "trainer.devices=2"]),
        ("two trainings, p at a time (joblib)", _sweep(1), _sweep(2)),
    ):
        single, double = (_seconds(folder, count, cache, words) for words in (one, two))
        rows.append(
            {
                "what": name, "1 process, s": single, "2 processes, s": double, "speed-up": single / double,
                "serial share": 2 * double / single - 1,
            }
        )  # fmt: skip
    return rows


def _sweep(jobs: int) -> list[str]:
    return ["-m", "seed=0,1", "hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}"]


def _seconds(folder: Path, count: int, cache: str, words: list[str]) -> float:
    """Of an epoch without the start, from two trainings of different length; of a sweep as a whole."""
    if "-m" in words:
        return measure.training(folder, count, cache, EPOCHS, words)
    short, long = (measure.training(folder, count, cache, epochs, words) for epochs in (1, 1 + EPOCHS))
    return (long - short) / EPOCHS


def errors(points: Rows) -> Rows:
    """How far the model is off, on the points that it was drawn through and on the others."""
    found: Rows = []
    for what in dict.fromkeys(row["what"] for row in points):
        own = [row for row in points if row["what"] == what]
        held = [abs(row["error"]) for row in own if row["held_out"]]
        fitted = [abs(row["error"]) for row in own if not row["held_out"]]
        found.append(
            {
                "what": what, "unit": own[0]["unit"], "fixed": own[0]["fixed"], "each": own[0]["each"],
                "error, fitted": f"{mean(fitted):.1%}",
                "error, held out": f"{mean(held):.1%} (largest {max(held):.1%})" if held else "",
            }
        )  # fmt: skip
    return found


def estimated() -> dict[str, Rows]:
    """Tables of what nobody has measured."""
    networks = estimate.recipes()
    protocols, jobs = estimate.table()
    hours = [*estimate.totals("networks of LLMs", estimate.study(networks)), *estimate.totals("few labels", jobs)]
    methods: Rows = [{"method": name, "operations": factor} for name, factor in estimate.factors().items()]
    return {
        "networks": networks, "protocols": protocols, "methods": methods, "assumptions": [*estimate.assumptions()],
        "hours": hours,
    }  # fmt: skip


if __name__ == "__main__":
    main()
