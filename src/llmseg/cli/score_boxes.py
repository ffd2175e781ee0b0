"""Score a box model beside the simple rules, and write boxes.csv, summary.json and the figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from llmseg.cli.console import log, render
from llmseg.cli.score_model import ModelScorer
from llmseg.cli.trained_boxes import boxes_of_run, load_boxes
from llmseg.data.boxes.datamodule import BoxData
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.errors import UserError
from llmseg.evaluation.boxes.controls import CONTROLS
from llmseg.evaluation.boxes.metrics import score, summarise
from llmseg.evaluation.boxes.table import ABLATION, CAPTION, MODEL, RULE, table
from llmseg.language.codecs.base import Decoded
from llmseg.methods.grounding import only
from llmseg.models.vlm.base import BoxModel, VisionLanguageModel
from llmseg.plots.boxes import draw_boxes
from llmseg.runs import RunFolder
from llmseg.whole import write

Answers = list[tuple[str | None, Decoded]]
"""Text, where there is one, and boxes of each slice."""


@dataclass(frozen=True)
class BoxScorer(ModelScorer):
    """Scores a model that answers with boxes; see ModelScorer."""

    data: BoxData

    task = "grounding"
    samples_are = "slices"

    def __call__(self, output: Path) -> dict[str, Any]:
        """Score, write into `output`, print the table and return the summary."""
        samples: Sequence[Sample] = self.samples()
        name = str(self.config["choices"]["vlm"])
        model = load_boxes(self.run).to(self.device)
        start = perf_counter()
        asked = self._ask(model, samples)
        seconds = (perf_counter() - start) / len(samples)
        controls = self._controls(samples)
        kinds: dict[str, dict[str, Answers]] = {MODEL: {name: asked}, RULE: controls}
        kinds[ABLATION] = dict(self._ablations(model, name, samples))
        answers = {method: each for methods in kinds.values() for method, each in methods.items()}
        tables = [_rows(method, samples, each, kind) for kind, own in kinds.items() for method, each in own.items()]
        rows = pd.concat(tables, ignore_index=True)
        summaries = {method: summarise(rows[rows["method"] == method]) for method in answers}
        facts = self.facts({"vlm": name}, {"sequences": list(self.config["data"]["sequences"])})
        summary = facts | summaries[name] | {"methods": summaries, "seconds_per_slice": seconds}
        write(output / "boxes.csv", rows.to_csv(index=False))
        RunFolder(output).write_json("summary.json", summary)
        if self.config["evaluation"]["figures"]:
            shown = {method: [decoded.boxes for _, decoded in answers[method]] for method in (name, *controls)}
            draw_boxes(samples, shown, output / "figures" / "boxes.png", f"{name} on {self.data.config.name}")
        log.info(describe(summary))
        return summary

    @property
    def _rules(self) -> list[str]:
        return [str(name) for name in self.config["evaluation"]["controls"]]

    def _ask(self, model: BoxModel, samples: Sequence[Sample]) -> Answers:
        size = int(self.config["evaluation"]["batch_size"])
        answers: Answers = []
        for first in range(0, len(samples), size):
            answers += ask(model, samples[first : first + size])
        return answers

    def _controls(self, samples: Sequence[Sample]) -> dict[str, Answers]:
        train = self.data.part("train")
        found = {name: _plain(CONTROLS[name](train, samples)) for name in self._rules}
        if masks := self.config["evaluation"]["masks"]:
            found["mask_to_box"] = _plain(boxes_of_run(RunFolder.open(Path(masks)), samples, self.device))
        return found

    def _ablations(self, model: BoxModel, name: str, samples: Sequence[Sample]) -> Iterator[tuple[str, Answers]]:
        """The same model with one sequence less, and with one alone."""
        sequences = list(self.config["data"]["sequences"])
        if not self.config["evaluation"]["ablate"] or len(sequences) < 2:
            return
        kept = {f"{name} without {each}": [other for other in sequences if other != each] for each in sequences}
        kept |= {f"{name}, {each} alone": [each] for each in sequences} if len(sequences) > 2 else {}
        for title, names in kept.items():
            fewer = [only(sample, names) for sample in samples]
            if all(sample.images for sample in fewer):
                try:
                    yield title, self._ask(model, fewer)
                except UserError as error:  # models that paint sequences as colours cannot do without some
                    log.warning(f"{title}: left out ({error})")


def ask(model: BoxModel, samples: Sequence[Sample]) -> Answers:
    """What a model answers."""
    if isinstance(model, VisionLanguageModel):
        return [(text, decoded) for text, decoded in model.read(samples)]
    return _plain(model.boxes(samples))


def _plain(boxes: Sequence[Boxes]) -> Answers:
    return [(None, Decoded(each)) for each in boxes]


def _rows(method: str, samples: Sequence[Sample], answers: Answers, kind: str) -> pd.DataFrame:
    rows = []
    for sample, (text, decoded) in zip(samples, answers, strict=True):
        rows += [{"method": method, "kind": kind, **row, "text": text} for row in score(sample, decoded)]
    return pd.DataFrame(rows)


def describe(summary: Mapping[str, Any]) -> str:
    """A summary as the table that is printed."""
    notes = [note for note in (summary["data_note"], CAPTION) if note]
    title = f"{summary['vlm']} on {summary['data']} ({summary['part']}, {summary['checkpoint']} checkpoint)"
    return render(table(summary["methods"]), title, notes)
