"""One run folder for all tasks of a Slurm step.

Slurm starts the same command once a process (`srun`, submitit), so every task composes the configuration and would
make a folder of its own. Task 0 makes it and leaves a note of its name for the others, on the file system that they
share anyway. From then on the tasks are the ranks of Lightning's Slurm environment.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from zlib import crc32

from llmseg.errors import UserError
from llmseg.runs.folder import RunFolder
from llmseg.whole import write

NOTES = ".slurm"
_PATIENCE = 3600.0  # seconds; task 0 may still be scoring the job before this one


def is_follower() -> bool:
    """Whether this process is a task of a Slurm step other than its first."""
    return _tasks() > 1 and os.environ.get("SLURM_PROCID", "0") != "0"


def shared_folder(
    parent: Path, job: Sequence[str], make: Callable[[], RunFolder], patience: float = _PATIENCE
) -> RunFolder:
    """The run folder of a training: made by the only process or by task 0, waited for by the other tasks.

    Args:
        parent: `paths.runs`.
        job: its overrides, which tell the jobs of a sweep apart.
        make: creates the folder with its config.yaml.
        patience: seconds to wait.

    Raises:
        UserError: task 0 made no folder.
    """
    if _tasks() == 1:
        return make()
    note = parent / NOTES / "-".join([*_step(), f"{crc32(' '.join(job).encode()):08x}"])
    if not is_follower():
        folder = make()
        write(note, str(folder.path.absolute()))
        return folder
    deadline = monotonic() + patience
    while not note.is_file():
        if monotonic() > deadline:
            raise UserError(f"{parent}: the first task of this Slurm job made no run folder here; see its log")
        sleep(0.2)
    return RunFolder(Path(note.read_text()))


def _tasks() -> int:
    if os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):  # as Lightning decides
        return 1
    return int(os.environ.get("SLURM_NTASKS", "1"))


def _step() -> list[str]:
    """What tells this step from all others, also from the same job when Slurm has started it again."""
    names = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    return [os.environ.get(name, "0") for name in names]
