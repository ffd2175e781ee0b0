"""What untrusted code is given, how much of it, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Literal

from llmseg.errors import UserError

Stopped = Literal["time", "cpu", "memory", "output", "disk", "processes"]


@dataclass(frozen=True)
class Limits:
    """How much a command may use, all its processes together unless said otherwise.

    Attributes:
        seconds: of wall time.
        cpu_seconds: of processor time.
        memory_mb: resident memory in MiB; each process may besides reserve 4 GiB that it does not use.
        file_mb: size of one file in MiB.
        total_mb: all files that it writes, in MiB.
        processes: tasks at a time, threads included.
        output_kb: kept of each output stream in KiB, half from its start and half from its end; a command that
            prints 64 times as much is stopped.
    """

    seconds: float = 600
    cpu_seconds: int = 1200
    memory_mb: int = 8192
    file_mb: int = 512
    total_mb: int = 1024
    processes: int = 256
    output_kb: int = 1024

    def __post_init__(self) -> None:
        for item in fields(self):
            if not getattr(self, item.name) > 0:
                raise UserError(f"sandbox: {item.name} must be above 0, not {getattr(self, item.name)}")


@dataclass(frozen=True)
class Box:
    """What a command finds in its working folder /box/code, and what is taken out of it.

    Attributes:
        results: folder of the host, new or empty, for the files that come back.
        files: path below /box/code to text.
        inputs: name below /box/code to a folder of the host, shown read-only.
        output: folder below /box/code whose regular files come back; it does not exist at the start.
        limits: of the command.
        isolated: False only where the user asked for it: then the command sees everything that the user sees.
    """

    results: Path
    files: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    output: str = "predictions"
    limits: Limits = field(default_factory=Limits)
    isolated: bool = True


@dataclass(frozen=True)
class Outcome:
    """What came of a command.

    Attributes:
        exit_code: its own; 128 + n where signal n ended it, 127 where it could not start; None where it was stopped.
        seconds: of wall time.
        stdout: text, shortened in the middle where it is long.
        stderr: the same.
        stopped: the limit that ended it.
        truncated: whether a stream was shortened, or files were left behind because they were too large or too many.
        peak_mb: the most resident memory seen, in MiB.
    """

    exit_code: int | None
    seconds: float
    stdout: str
    stderr: str
    stopped: Stopped | None
    truncated: bool
    peak_mb: float


def check(box: Box) -> None:
    """Refuse a box that cannot be made.

    Raises:
        UserError: names the file, input or folder.
    """
    for name in [*box.files, box.output]:
        _check_relative(name)
    for name, folder in box.inputs.items():
        if len(_check_relative(name).parts) != 1:
            raise UserError(f"sandbox: the input {name!r} must be a single name")
        if not folder.is_dir():
            raise UserError(f"sandbox: the input folder {folder} does not exist")
    for name in [*box.files, box.output]:
        if PurePosixPath(name).parts[0] in box.inputs:
            raise UserError(f"sandbox: {name!r} lies in a folder that is read-only")
    if box.results.exists() and (not box.results.is_dir() or any(box.results.iterdir())):
        raise UserError(f"sandbox: the folder for results, {box.results}, must be new or empty")


def _check_relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise UserError(f"sandbox: {name!r} is not a path below the working folder")
    return path
