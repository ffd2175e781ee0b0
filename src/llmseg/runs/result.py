"""What a training gives back: its folder, and the number that sweeps look at."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """Scores of a run; of boxes, IoU stands where Dice does, and of reports F1 of ROUGE-L.

    Attributes:
        run: its folder.
        dice: mean test Dice of the last checkpoint; None without evaluation.
        val_dice: the last one of the validation; None without validation cases.
        pruned: a sweep gave the run up.
    """

    run: Path
    dice: float | None
    val_dice: float | None
    pruned: bool = False

    @classmethod
    def of(cls, run: Path) -> "Result":
        """Read a run's summary.json and metrics.csv, as far as they are there."""
        summary = run / "summary.json"
        mean = json.loads(summary.read_text())["mean"] if summary.is_file() else {}
        name = next((each for each in ("iou", "rougeL_f") if each in mean), "dice")
        validated = last_value(run / "metrics.csv", f"val/{name}")
        return cls(run, mean.get(name), validated, (run / "pruned.json").is_file())

    def __float__(self) -> float:
        """Dice as a number, for sweepers.

        Raises:
            ValueError: neither was computed.
        """
        value = self.val_dice if self.dice is None else self.dice
        if value is None:
            raise ValueError(f"{self.run}: no Dice: neither validation nor test cases were scored")
        return value

    def __str__(self) -> str:
        """Dice, for a table."""
        if self.dice is not None:
            return f"{self.dice:.3f}"
        return "-" if self.val_dice is None else f"val {self.val_dice:.3f}{' pruned' if self.pruned else ''}"


def last_value(file: Path, column: str) -> float | None:
    """The last number in a column of metrics.csv; None where there is none."""
    try:
        rows = list(csv.DictReader(file.read_text().splitlines()))
    except OSError:
        return None
    values = [row[column] for row in rows if row.get(column)]
    return float(values[-1]) if values else None
