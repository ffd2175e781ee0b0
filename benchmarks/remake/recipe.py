"""One result: commands, and what becomes of their runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from harness.result import header, write

ROOT = Path(__file__).parents[2]
RUNS = "runs/report"
_SECONDS = "seconds.txt"  # that all commands took
Collect = Callable[[Path, float | None], dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """How a result is made.

    Attributes:
        name: of its file in results/.
        commands: lines of a shell, run in the root of the checkout; `{runs}` is a folder of this result's own.
        collect: from that folder and the seconds that all took (None: not known) to `rows` or `values`, and further
            keys; None: the commands write the result themselves.
        seeds: of the runs.
        pictures: file below `{runs}` -> file of docs/images.
    """

    name: str
    commands: Sequence[str]
    collect: Collect | None = None
    seeds: Sequence[int] | None = (0,)
    pictures: Mapping[str, str] = field(default_factory=dict)

    def make(self, results: Path, words: str = "") -> None:
        """Run the commands, and write what they measured.

        Args:
            results: folder of the file.
            words: further overrides of every `train.py`, to try it out.

        Raises:
            CalledProcessError: a command failed.
        """
        runs = ROOT / RUNS / self.name
        set_aside(runs)
        start = perf_counter()
        for command in self._with(words):
            _run(command, runs)
        if self.collect is not None:
            (runs / _SECONDS).write_text(f"{perf_counter() - start:.1f}")
            self.gather(results, words)

    def gather(self, results: Path, words: str = "") -> None:
        """Write what the runs say, and copy their pictures where the results are the checkout's own."""
        runs = ROOT / RUNS / self.name
        if self.collect is None:
            return
        seconds = float((runs / _SECONDS).read_text()) if (runs / _SECONDS).exists() else None
        commands = [command.format(runs=f"{RUNS}/{self.name}") for command in self._with(words)]
        content = header(commands, self.seeds, made(runs)) | self.collect(runs, seconds)
        write(results / f"{self.name}.json", content)
        if results == ROOT / "results":
            for source, target in self.pictures.items():
                (ROOT / "docs" / "images" / target).write_bytes((runs / source).read_bytes())

    def _with(self, words: str) -> list[str]:
        return [f"{command} {words}".rstrip() if "train.py" in command else command for command in self.commands]


def set_aside(folder: Path) -> None:
    """Rename runs of an earlier time: nothing is deleted, nothing is mixed."""
    if folder.exists():
        number = next(n for n in range(1, 10_000) if not folder.with_name(f"{folder.name}.{n}").exists())
        folder.rename(folder.with_name(f"{folder.name}.{number}"))


def made(runs: Path) -> dict[str, Any] | None:
    """Environment of the first run; None where there is none."""
    file = next(iter(sorted(runs.rglob("environment.json"))), None)
    return None if file is None else dict(json.loads(file.read_text()))


def _run(command: str, runs: Path) -> None:
    print(f"$ {command.format(runs=runs.relative_to(ROOT))}", file=sys.stderr, flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    subprocess.run(["bash", "-ec", command.format(runs=runs.relative_to(ROOT))], cwd=ROOT, env=environment, check=True)
