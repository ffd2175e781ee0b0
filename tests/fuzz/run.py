"""Random input for readers, codecs, tables and overrides: `python -m tests.fuzz.run [--minutes 10] [name ...]`.

Anything but a UserError is unexpected: its smallest example is printed, and the exit code is 1. `make fuzz MINUTES=10`.
"""

import importlib
import sys
import time
import traceback
from argparse import ArgumentParser

from hypothesis import HealthCheck, Phase, seed, settings

NAMES = ("boxes", "readers", "tables", "overrides")
"""Files beside this one, each with `target`, a function under @given."""
_EXAMPLES = 500


def main() -> None:
    """Fuzz each for some minutes."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--minutes", type=float, default=10, help="for each")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"{', '.join(unknown)}: choose from {', '.join(NAMES)}")
    failed = [name for name in given.names or NAMES if not fuzzed(name, 60 * given.minutes)]
    if failed:
        sys.exit(f"unexpected: {', '.join(failed)}")


def fuzzed(name: str, seconds: float) -> bool:
    """Draw examples, with one seed after the other, until the time is up; whether nothing unexpected came."""
    module = importlib.import_module(f"tests.fuzz.{name}")
    how = settings(
        max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False,
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    start, count = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        try:
            seed(count)(how(importlib.reload(module).target))()
        except Exception:
            print(f"{name}: unexpected, seed {count}\n{traceback.format_exc()}")
            return False
        count += 1
    print(
        f"{name}: {count * _EXAMPLES:,} examples at most in {time.monotonic() - start:.0f} s, nothing unexpected",
        flush=True,
    )
    return True


if __name__ == "__main__":
    main()
