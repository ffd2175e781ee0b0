"""`python -m llmseg.cli.worker RUN/config.yaml`: one training on several devices, in a process without Hydra.

Lightning starts the other ranks by running this same command again.
"""

import ctypes
import signal
import sys
from pathlib import Path


def main() -> int:
    """Train the run whose configuration is named on the command line; the exit code says how it went."""
    _die_with_parent()
    from llmseg.cli import build
    from llmseg.cli.job import execute
    from llmseg.errors import UserError
    from llmseg.runs import RunFolder

    run = RunFolder(Path(sys.argv[1]).parent)
    config = run.config
    try:
        cache = Path(config["paths"]["cache"])
        data = build.build_data(config["data"], config["model"]["spatial_dims"], cache, config["seed"])
        data.prepare(("train", "val"))
        execute(config, run, data, build.build_method(config, build.build_net(config, data), data))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # the process that started this one says so
        return 130
    return 0


def _die_with_parent() -> None:
    """On Linux, no rank outlives the process that started it, even one killed without a chance to clean up."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
