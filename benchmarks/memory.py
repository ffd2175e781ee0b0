"""Peak memory, beside limits: `python benchmarks/memory.py [--small]`, or `make memory`.

Trains the U-Net of 31 million parameters at batch 16, and predicts a CT of 512x512x600 with a 2D and a 3D network, each
in a process of its own, and prints the largest resident memory beside its limit. Exits with 1 where one is not held.
Writes benchmarks/results/memory.json, which `make report` shows. tests/slow/test_memory.py holds the same limits on
smaller sizes.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from harness.command import FOLDER
from harness.page import markdown
from harness.result import header, write
from peak.prediction import Scan, limit, prediction_peak
from peak.training import Training, training_peak

FILE = FOLDER / "memory.json"


def main() -> None:
    """Print a table and write it."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="only try it out: small sizes, nothing written")
    options = parser.parse_args()
    rows = list(measured(options.small))
    print(markdown(rows))
    if not options.small:
        write(FILE, {**header(["python benchmarks/memory.py"], [0]), "rows": rows})
    if not all(row["held"] for row in rows):
        sys.exit(1)


def measured(small: bool = False) -> Iterator[dict[str, Any]]:
    """Training in both precisions and with checkpointing, then prediction in 2D and 3D."""
    side, scan = (64, Scan((96, 96, 96), patch=64)) if small else (256, Scan((512, 512, 600)))
    for job in (
        Training(side=side), Training(side=side, precision="bf16-mixed"), Training(side=side, checkpointed=True),
    ):  # fmt: skip
        yield _row(str(job), job.limit, lambda folder, job=job: training_peak(folder, job))  # type: ignore[misc]
    for dims in (2, 3):
        what = f"predict.py, {dims}D network, {scan}"
        yield _row(what, limit(scan, dims), lambda folder, dims=dims: prediction_peak(folder, scan, dims))  # type: ignore[misc]


def _row(what: str, most: float, job: Callable[[Path], float]) -> dict[str, Any]:
    start = perf_counter()
    with TemporaryDirectory() as name:
        found = job(Path(name))
    seconds = perf_counter() - start
    print(f"{what}: {found:.2f} GiB of {most:.2f}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return {"what": what, "peak_gib": found, "limit_gib": most, "held": found <= most, "seconds": seconds}


if __name__ == "__main__":
    main()
