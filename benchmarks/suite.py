"""How long do the quick tests take? `python benchmarks/suite.py`, on a machine that does nothing else.

Runs what `make test` runs, and writes the number of tests and the seconds to benchmarks/results/suite.json, which
`make report` shows.
"""

import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

from harness.command import FOLDER
from harness.result import header, write

ROOT = Path(__file__).parents[1]
AIM = 480.0
"""Seconds, on two cores."""


def main() -> None:
    """Run, print, write; exit with 1 where a test failed."""
    ArgumentParser(description=__doc__).parse_args()
    done = subprocess.run(["make", "test"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-500:])
    row = {"what": "make test", **measured(done.stdout), "aim_seconds": AIM}
    print(row)
    write(FOLDER / "suite.json", {**header(["python benchmarks/suite.py"], None), "rows": [row]})


def measured(output: str) -> dict[str, float]:
    """Tests and seconds of pytest's last line.

    Raises:
        ValueError: there is no such line.
    """
    found = re.search(r"(\d+) passed.* in ([\d.]+)s", output)
    if found is None:
        raise ValueError("pytest's last line is missing")
    return {"tests": int(found[1]), "seconds": float(found[2])}


if __name__ == "__main__":
    main()
