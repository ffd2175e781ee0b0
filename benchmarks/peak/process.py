"""The largest resident memory of a process that runs one command, as Linux counts it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


def peak(module: str, words: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """GiB of a process of its own that calls `main` of a module with these words.

    Args:
        module: has a `main` that reads the command line.
        words: of that command line.
        environment: variables beside those of this process.

    Raises:
        RuntimeError: the command failed; its last words.
    """
    code = f"import sys; sys.argv = ['command', *{list(words)!r}]\nfrom {module} import main; main()\n"
    # not getrusage's: across an exec Linux keeps the peak of the process that started this one
    report = "print('KiB', *[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    done = subprocess.run(
        [sys.executable, "-c", code + report],
        env={**os.environ, **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(words)}: {done.stderr.strip()[-500:]}")
    return int(done.stdout.rpartition("KiB")[2]) / 2**20
