"""The command line of one benchmark."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from harness.machine import Peaks
from harness.result import header, write
from harness.rows import Row, show
from harness.timing import Options

FOLDER = Path(__file__).parents[1] / "results"
"""One file a benchmark and device."""


def main(
    name: str, question: str, rows: Callable[[Options], Iterable[Row]], seeds: Sequence[int] | None = (0,)
) -> None:
    """Measure, print, and write `benchmarks/results/<name>.json` (on a GPU `<name>_cuda.json`).

    Args:
        name: of the benchmark's file.
        question: one line on what is compared.
        rows: measures.
        seeds: of what is drawn; None: nothing is, or it is drawn anew each time.
    """
    parser = ArgumentParser(description=question)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cap", type=float, default=60.0, help="seconds after which no further round begins")
    parser.add_argument("--small", action="store_true", help="only try it out: small sizes, one round, nothing written")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this machine has no GPU that torch can use")
    options = Options(torch.device(given.device), 1 if given.small else given.rounds, given.cap, given.small)
    peaks = Peaks(options.device)
    found = [row.to_dict(peaks) for row in rows(options)]
    show(found, question)
    if not given.small:
        _write(name, question, options, found, seeds)


def _write(name: str, question: str, options: Options, rows: list[dict[str, Any]], seeds: Sequence[int] | None) -> None:
    command = " ".join([f"python benchmarks/{name}.py", *sys.argv[1:]])
    device = torch.cuda.get_device_name() if options.device.type == "cuda" else "CPU"
    suffix = "" if options.device.type == "cpu" else f"_{options.device.type}"
    content = {"question": question, **header([command], seeds), "device": device, "rows": rows}
    write(FOLDER / f"{name}{suffix}.json", content)
