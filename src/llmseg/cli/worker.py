"""`python -m llmseg.cli.worker RUN/config.yaml [resume]`: one training on several devices, in a process without Hydra.

Lightning starts the other ranks by running this same command again.
"""

import sys
from pathlib import Path

from llmseg.processes import die_with_parent


def main() -> int:
    """Train the run whose configuration is named on the command line; the exit code says how it went."""
    die_with_parent()
    from llmseg.cli.job import execute
    from llmseg.cli.tasks import task_of
    from llmseg.errors import UserError
    from llmseg.runs import RunFolder

    run = RunFolder(Path(sys.argv[1]).parent)
    config = run.config
    try:
        task = task_of(config)
        data = task.data(config)
        data.prepare(data.training_parts)
        method = task.method(config, data)
        execute(config, run, data, method, resumes=sys.argv[2:] == ["resume"])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # the process that started this one says so
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
