"""What a user sees, and console.log."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

log = logging.getLogger("llmseg")

_NOISE = (
    r".*does not have many workers.*",
    r".*dataloader is not resumable.*",
    r".*Starting from v1.9.0, `tensorboardX`.*",
    r".*number of training batches .* is smaller than the logging interval.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*`training_step` returned `None`.*",
    r".*is deprecated.*",
    r".*Experiment logs directory .* exists and is not empty.*",
    r".*module\(s\) in eval mode at the start of training.*",  # language models are loaded so, and have no dropout
    r".*Total length of `DataLoader` across ranks is zero.*",  # no validation cases
    r".*`ModelCheckpoint\(monitor=.*could not find the monitored key.*",  # the same
    r".*`is_gradient_checkpointing` is deprecated.*",
    r".*It is recommended to use `self.log\('val/.*",  # they are reduced before they are logged
)


def quiet_libraries() -> None:
    """Hide what tells a user nothing: hints on workers and tips of libraries."""
    for pattern in _NOISE:
        warnings.filterwarnings("ignore", message=pattern)
    for name in ("pytorch_lightning.utilities.rank_zero", "pytorch_lightning.accelerators.cuda", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("WANDB_SILENT", "true")


class _LogFile(logging.FileHandler):
    """Loses what a full disk does not take: whatever cannot do without the disk says so in one line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing; logging itself would print a stack trace for every message."""


@contextmanager
def console_log(path: Path, active: bool = True) -> Iterator[None]:
    """Send our messages to standard output, and these and all warnings to a file.

    Args:
        path: console.log of a run; appended to.
        active: False on ranks other than the first, which stay silent.
    """
    handlers: list[tuple[logging.Logger, logging.Handler]] = []
    if active:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _LogFile(path)
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        screen = logging.StreamHandler(sys.stdout)
        handlers = [(log, file), (log, screen), (logging.getLogger("py.warnings"), file)]
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.captureWarnings(active)
    for logger, handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def render(rows: Sequence[Sequence[str]], title: str, notes: Sequence[str] = (), is_text: bool = False) -> str:
    """A table as text: the first row is the header, the first column is text, the others are numbers.

    With `is_text` all columns are text and long cells are broken into lines.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, name in enumerate(rows[0]):
        if is_text:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*map(escape, row))
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(table)
        for note in notes:
            console.print(note, highlight=False, markup=False, soft_wrap=True)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
