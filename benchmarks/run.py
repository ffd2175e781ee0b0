"""All benchmarks, each in a process of its own: `python benchmarks/run.py [--device cuda] [name ...]`, or `make bench`.

Prints one table at the end, and exits with 1 where a benchmark broke or two sides did not compute the same; a missed
aim is a figure, not a failure. With --write the tables of docs/speed.md and README.md are filled from all results that
there are, as `make report` does.
"""

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter

from harness.page import fill
from harness.rows import show
from headline.speed import NAMES, parts, results

HERE = Path(__file__).parent
PAGES = (HERE.parent / "docs" / "speed.md", HERE.parent / "README.md")


def main() -> None:
    """Run, and show what they wrote."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--write", action="store_true", help="fill the tables of docs/speed.md and README.md as well")
    options, words = parser.parse_known_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"{name}: choose from {', '.join(NAMES)}")
    names = options.names or NAMES
    start = perf_counter()
    broken = []
    tried = "--small" in words  # writes nothing: the files hold another day's figures
    for name in names:
        began = perf_counter()
        command = [sys.executable, str(HERE / f"{name}.py"), "--device", options.device, *words]
        if subprocess.run(command, stdout=None if tried else subprocess.DEVNULL).returncode:
            broken.append(name)
        print(f"{name}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    rows = [] if tried else results([name for name in names if name not in broken], options.device)
    if rows:
        show(rows)
    if options.write:
        for page in PAGES:
            fill(page, parts())
    different = [row["case"] for row in rows if not row["same"]]
    print(f"\n{len(rows)} rows in {(perf_counter() - start) / 60:.0f} minutes", flush=True)
    if broken or different:
        sys.exit(f"broke: {', '.join(broken) or 'none'}; not the same result: {', '.join(different) or 'none'}")


if __name__ == "__main__":
    main()
