"""How long do the quick tests take? `python benchmarks/suite.py`, on a machine that does nothing else.

Runs what `make test` runs, and writes the number of tests and the seconds to benchmarks/results/suite.json; --write
also fills the row in docs/speed.md.
"""

import json
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

from harness.command import FOLDER
from harness.page import fill

from llmseg.runs.environment import environment

ROOT = Path(__file__).parents[1]
AIM = 480.0
"""Seconds, on two cores."""


def main() -> None:
    """Run, print, write; exit with 1 where a test failed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="fill the row of docs/speed.md as well")
    options = parser.parse_args()
    done = subprocess.run(["make", "test"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-500:])
    row = {"what": "make test", **measured(done.stdout), "aim, s": AIM}
    print(json.dumps(row))
    content = {"command": "python benchmarks/suite.py", "environment": environment(), "rows": [row]}
    (FOLDER / "suite.json").write_text(json.dumps(content, indent=1) + "\n")
    if options.write:
        fill(ROOT / "docs" / "speed.md", {"suite": [row]})


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
