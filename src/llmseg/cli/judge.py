"""Score what a study's program predicted, with the code that scores networks, and print it beside the U-Net's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmseg.cli.console import log, render
from llmseg.cli.score import Scorer
from llmseg.evaluation.cases import Evaluation
from llmseg.inference.predictor import Segmenter
from llmseg.runs import RunFolder, TrainedNetwork, collect, collect_cases

_CANONICAL = "unet"


@dataclass(frozen=True)
class StudyScorer(Scorer):
    """A scorer of masks that were written, instead of a network's.

    Attributes:
        written: the masks.
        program_seconds: that their program ran, training included; None where nobody measured it.
    """

    written: Segmenter
    program_seconds: float | None

    def _load(self, name: str) -> list[TrainedNetwork]:
        return []

    def _predictor(self, trained: Sequence[TrainedNetwork]) -> Segmenter:
        return self.written

    def _cost(self, trained: Sequence[TrainedNetwork], evaluation: Evaluation) -> dict[str, Any]:
        """The same keys as of a network; what only a network has is not known."""
        shape = (1, int(self.data.config.channels or 1), *self.data.patch())
        keys = ("parameters", "gmacs", "seconds_per_case", "peak_memory_mb", "device", "precision")
        return {"cost": {**dict.fromkeys(keys), "input": list(shape), "program_seconds": self.program_seconds}}


def beside(summary: dict[str, Any], run: RunFolder, runs: Path) -> None:
    """Print a study's score beside its program's own and the canonical U-Net's on the same cases.

    Args:
        summary: of the study.
        run: of the study.
        runs: parent of all run folders, where a run of the U-Net may be.
    """
    config = run.config
    rows = [["", "Dice", "NSD", "HD95 mm", "run"], _row(summary["model"], summary["mean"], run.path)]
    rows += [_row("canonical U-Net", mean, path) for path, mean in _canonical(run, runs)]
    notes = []
    if len(rows) == 2:
        data = config["choices"]["data"]
        notes = [f"no run of the canonical U-Net on these cases in {runs}: python train.py model=unet data={data}"]
    log.info(render(rows, f"{summary['data']}: the same cases", notes))


def _canonical(run: RunFolder, runs: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Folder and mean scores of the U-Nets that were scored on the study's cases and classes."""
    frame = collect(runs) if runs.is_dir() else None
    if frame is None or not len(frame) or "config.choices.model" not in frame:
        return []
    chosen = frame[(frame["config.choices.model"] == _CANONICAL) & (frame["config.choices.method"] == "supervised")]
    own, found = _cases(run.path), []
    for record in chosen.to_dict("records"):
        path = Path(record["run"])
        if record.get("summary.part") == "test" and _cases(path) == own:
            found.append((path, {key: record.get(f"summary.mean.{key}") for key in ("dice", "nsd", "hd95_mm")}))
    return found


def _cases(path: Path) -> set[tuple[str, str]]:
    table = collect_cases(path)
    return set(zip(table["case"], table["class"], strict=True)) if len(table) else set()


def _row(name: str, mean: dict[str, Any], path: Path) -> list[str]:
    values = [mean.get(key) for key in ("dice", "nsd", "hd95_mm")]
    digits = (3, 3, 2)
    cells = ["-" if v is None or v != v else f"{v:.{n}f}" for v, n in zip(values, digits, strict=True)]
    return [name, *cells, str(path)]
