"""metrics.csv: a file that a resumed training goes on with."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter

from llmseg.whole import replacing


class Metrics(CSVLogger):
    """Lightning's CSV logger, appending to the file that is there."""

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer."""
        if self._experiment is None:
            self._experiment = _Appender(log_dir=self.log_dir)
        return self._experiment  # type: ignore[return-value]


class _Appender(ExperimentWriter):
    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.metrics_keys = _read(Path(self.metrics_file_path))[0]

    def _check_log_dir_exists(self) -> None:
        """Lightning deletes the file here."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        _write(path, fieldnames, _read(path)[1])


def count_rows(path: Path) -> int:
    """Rows below the header; 0 for a file that is not there."""
    return len(_read(path)[1])


def truncate(path: Path, rows: int) -> None:
    """Keep the first rows: those after a checkpoint are written again when the training goes on from it."""
    if path.exists():
        keys, content = _read(path)
        _write(path, keys, content[:rows])


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    if not path.exists():
        return [], []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or []), list(reader)


def _write(path: Path, keys: list[str], rows: Iterable[dict[str, Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=keys, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
