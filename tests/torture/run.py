"""All tortures, or those named: `python -m tests.torture.run [--seed 0] [name ...]`, or `make torture`.

Prints one table, and writes results/torture.json, which `make report` shows in docs/trust.md, where all were run. Exits
with 1 where something broke; a row that was skipped says why.
"""

import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.torture.child import done, last_line
from tests.torture.row import Row, broken

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "results" / "torture.json"
NAMES = ("kills", "full_disk", "bad_input", "shared", "bombs", "clients", "escapes")
"""Files beside this one, each with `rows(place, seed)`."""
_HEAVY = (
    "llmseg.cli.job", "llmseg.cli.train", "llmseg.cli.evaluate", "llmseg.cli.predict", "llmseg.cli.study",
    "llmseg.cli.conduct", "llmseg.cli.chat_batch", "llmseg.cli.check", "llmseg.cli.resume", "llmseg.cli.score",
    "llmseg.data.cache", "llmseg.cli.tasks.segmentation", "llmseg.runs.loggers", "llmseg.losses", "monai",
    "hydra._internal.hydra", "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper", "llmseg.cli.sweep",
    "sklearn.ensemble",
    "llmseg.data.readers.nnunet", "llmseg.data.datamodule", "llmseg.methods.supervised", "llmseg.models.unet",
    "llmseg.evaluation.summary", "torch.distributed", "matplotlib.pyplot", "lightning_fabric", "SimpleITK", "h5py",
)  # fmt: skip
_LIMIT = 1800.0


def main() -> None:
    """Run, and show."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which things are killed")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"{', '.join(unknown)}: choose from {', '.join(NAMES)}")
    quieten()
    rows = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        for name in given.names or NAMES:
            rows += tortured(name, Path(folder) / name, given.seed)
    show(rows)
    print(f"\n{len(rows)} rows in {(time.monotonic() - start) / 60:.0f} minutes")
    if not given.names:
        write(rows, given.seed)
    if faults := broken(rows):
        sys.exit("\n".join(["", *faults]))


def quieten() -> None:
    """Import what takes long, so that every process that is forked begins at once; no threads yet."""
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "PYTHONPATH": _path()}
    for name in _HEAVY:
        importlib.import_module(name)


def _path() -> str:
    """For processes that are started anew, such as joblib's workers."""
    return os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])


def tortured(name: str, place: Path, seed: int) -> Sequence[Row]:
    """The rows of one file, from a process of its own."""

    def job() -> int:
        module = importlib.import_module(f"tests.torture.{name}")
        with (place / "rows.jsonl").open("w") as file:
            for row in module.rows(place, seed):
                print(json.dumps(asdict(row)), file=file, flush=True)
        return 0

    child = done(job, place, _LIMIT)
    lines = (place / "rows.jsonl").read_text().splitlines() if (place / "rows.jsonl").exists() else []
    rows = [
        Row(**{key: tuple(v) if isinstance(v, list) else v for key, v in json.loads(line).items()}) for line in lines
    ]
    if child.code:
        rows.append(Row(name, 0, faults=(last_line(child.stderr),)))
    shutil.rmtree(place, ignore_errors=True)
    show(rows)
    return rows


def show(rows: Sequence[Row]) -> None:
    """The table."""
    table = Table(box=None)
    for name in rows[0].cells() if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row.cells().values()))
    Console(width=max(120, Console().width)).print(table)


def write(rows: Sequence[Row], seed: int) -> None:
    """Keep all that is needed to do it again."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from harness import result

    content = {
        "question": "What is left of work that is killed, starved, fed with rubbish or attacked?",
        **result.header([f"make torture SEED={seed}"], [seed]),
        "rows": [{**asdict(row), "verdict": row.verdict, "shown": row.cells()} for row in rows],
    }
    result.write(RESULT, content)


if __name__ == "__main__":
    main()
