"""What went wrong in a round: classes of the original study, and finer ones."""

import re
from dataclasses import dataclass
from typing import Protocol

CLASSES = ("NameError", "RuntimeError", "ValueError", "TypeError", "AttributeError", "missing_import", "other")
"""As the study counted."""
FINER = (
    "syntax",
    "shape_mismatch",
    "device",
    "missing_file",
    "out_of_memory",
    "time_out",
    "contract_broken",
    "silent_failure",
)
_BUILT_IN = {
    "UnboundLocalError": "NameError",
    "NotImplementedError": "RuntimeError",
    "RecursionError": "RuntimeError",
    "OutOfMemoryError": "RuntimeError",
    "AcceleratorError": "RuntimeError",
    "UnicodeDecodeError": "ValueError",
    "UnicodeEncodeError": "ValueError",
    "JSONDecodeError": "ValueError",
    "LinAlgError": "ValueError",
    "ImportError": "missing_import",
    "ModuleNotFoundError": "missing_import",
}
"""Exceptions that are counted as their base class."""
_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*_?([A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Iteration)|(?<=\.)(?:error|timeout|Empty))"
    r"(?:: ?(.*))?$"
)
_SHAPE = re.compile(
    r"size of tensor|sizes? of tensors|size mismatch|shape mismatch|shapes? .*(?:not aligned|cannot be multiplied)"
    r"|expected input.*channels|target size|input size|must match|invalid for input of size|could not broadcast"
    r"|inhomogeneous|stack expects each tensor|expected \d-?d|dimension|inconsistent numbers of samples"
    r"|output size .* too small|not divisible|expected more than 1 (?:value|spatial)",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"same device|found at least two devices|cuda|cudnn|nvidia|input type .* and weight type|\bmps\b", re.IGNORECASE
)
_MEMORY = re.compile(r"out of memory|(?:can't|cannot|unable to) allocate|not enough memory", re.IGNORECASE)
_FILE = re.compile(r"no such file or directory|file not found|does not exist|cannot find the path", re.IGNORECASE)
# not "loss improved from inf to 0.4", nor a Dice that is not finite behind a loss that is
_LOSS = re.compile(
    r"loss[\"']?\s*(?:\([^()\n]*\))?\s*[:=]?\s*(?:nan|[-+]?inf(?:inity)?)\b(?!\s*(?:to\b|-+>))", re.IGNORECASE
)
_KILLED = 128 + 9
_STOPPED = {
    "time": ("time_out", "stopped: it ran longer than it may"),
    "cpu": ("time_out", "stopped: it used more CPU time than it may"),
    "memory": ("out_of_memory", "stopped: it used more memory than it may"),
    "disk": (None, "stopped: it wrote more than it may"),
    "output": (None, "stopped: it printed more than it may"),
    "processes": (None, "stopped: it started more processes than it may"),
}


class Ended(Protocol):
    """What classification needs to know of a sandbox's outcome."""

    @property
    def exit_code(self) -> int | None: ...  # noqa: D102
    @property
    def stdout(self) -> str: ...  # noqa: D102
    @property
    def stderr(self) -> str: ...  # noqa: D102
    @property
    def stopped(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong.

    Attributes:
        error: one of CLASSES; None for a silent failure, which nobody who pastes errors back would notice.
        finer: one of FINER, or None.
        detail: of a broken contract: no_predictions, wrong_size, wrong_count, wrong_values, no_program; of a silent
            failure: trivial_masks, loss_not_finite.
        message: one line.
    """

    error: str | None
    finer: str | None
    detail: str | None
    message: str

    @property
    def is_silent(self) -> bool:
        """Whether the program looked as if it had worked."""
        return self.error is None


def contract_broken(detail: str, message: str) -> Fault:
    """A program that ended well, but did not leave what it had to."""
    return Fault("other", "contract_broken", detail, message)


def silent_failure(detail: str, message: str) -> Fault:
    """A program that did all it had to, to no use."""
    return Fault(None, "silent_failure", detail, message)


def classify(ended: Ended) -> Fault | None:
    """The fault of a program that crashed, was stopped or ended with an exit code; None where it ended well."""
    if ended.stopped is not None:
        finer, message = _STOPPED.get(ended.stopped, (None, f"stopped: {ended.stopped}"))
        return Fault("other", finer, None, message)
    if ended.exit_code == 0:
        return None
    found = last_exception(ended.stderr) or last_exception(ended.stdout)
    if found is None and ended.exit_code == _KILLED:  # nothing but the kernel, where memory is short, does that
        return Fault("other", "out_of_memory", None, "killed by the operating system, as where memory is short")
    if found is None:
        return Fault("other", None, None, f"ended with exit code {ended.exit_code} and without a traceback")
    name, text = found
    short = " ".join(f"{name}: {text}".split()).removesuffix(":")[:300]
    return Fault(_class(name), _finer(name, text), None, short)


def loss_not_finite(stdout: str) -> bool:
    """Whether a program printed a loss that is not a finite number."""
    return _LOSS.search(stdout) is not None


def native_dice(stdout: str) -> float | None:
    """The score that a program printed last as `validation_dice=<number>`; None where it is no share."""
    found = re.findall(r"validation_dice\s*[=:]\s*([-+\w.]+)", stdout)
    try:
        value = float(found[-1].rstrip(".")) if found else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value <= 1 else None


def last_exception(text: str) -> tuple[str, str] | None:
    """Name and message of the exception that ended a program, from what it printed."""
    lines = text.splitlines()
    for number in range(len(lines) - 1, -1, -1):
        if (found := _EXCEPTION.match(lines[number])) and _is_raised(lines[:number]):
            message = [found[2] or "", *(line.strip() for line in lines[number + 1 : number + 4])]
            return found[1], " ".join(filter(None, message))
    return None


def _is_raised(before: list[str]) -> bool:
    """Whether a traceback, or the place of a syntax error, stands above a line."""
    return any(line.startswith(("Traceback (most recent call last)", '  File "')) for line in before)


def _class(name: str) -> str:
    name = _BUILT_IN.get(name, name)
    return name if name in CLASSES else "other"


def _finer(name: str, text: str) -> str | None:
    if name in ("SyntaxError", "IndentationError", "TabError"):
        return "syntax"
    if name in ("MemoryError", "OutOfMemoryError") or _MEMORY.search(text):
        return "out_of_memory"
    if name in ("FileNotFoundError", "NotADirectoryError") or (name == "OSError" and _FILE.search(text)):
        return "missing_file"
    if name == "TimeoutError":
        return "time_out"
    if name in ("RuntimeError", "ValueError", "AssertionError", "AcceleratorError", "IndexError"):
        if _DEVICE.search(text):
            return "device"
        if _SHAPE.search(text):
            return "shape_mismatch"
    if name == "TypeError" and "device" in text and "numpy" in text:
        return "device"
    return None
