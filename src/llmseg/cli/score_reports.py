"""Score a writer of reports beside the simple rules, and write reports.csv, summary.json and the figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from llmseg.cli.console import log, render
from llmseg.cli.score_model import ModelScorer
from llmseg.cli.trained_reports import load_writer
from llmseg.data.reports.datamodule import ReportData
from llmseg.data.reports.sample import Report
from llmseg.errors import UserError
from llmseg.evaluation.reports.baselines import BASELINES
from llmseg.evaluation.reports.radeval import radeval
from llmseg.evaluation.reports.scores import score, summarise
from llmseg.evaluation.reports.table import CAPTION, published_notes, published_table, tables
from llmseg.language.answers import answers
from llmseg.language.writing import Generation, Writer, Written
from llmseg.plots.reports import draw_rouge
from llmseg.runs import RunFolder
from llmseg.whole import write


@dataclass(frozen=True)
class ReportScorer(ModelScorer):
    """Scores a writer of reports; see ModelScorer."""

    data: ReportData

    task = "report"
    samples_are = "reports"

    def __call__(self, output: Path) -> dict[str, Any]:
        """Score, write into `output`, print the tables and return the summary."""
        reports: Sequence[Report] = self.samples(self.config["evaluation"]["limit"])
        name = writer_name(self.config)
        writer = load_writer(self.run, self.device)
        start = perf_counter()
        texts = {name: write_all(writer, reports, self._how)}
        seconds = (perf_counter() - start) / len(reports)
        texts |= dict(self._baselines(reports))
        language, similar = self.data.language, bool(self.config["evaluation"]["similarity"])
        rows = {method: score(reports, own, language, similar) for method, own in texts.items()}
        summaries = {method: summarise(own) for method, own in rows.items()}
        facts = self.facts({"writer": name}, {"split": self.data.config.split.rule})
        summary = facts | summaries[name] | {"methods": summaries, "seconds_per_report": seconds}
        table = pd.concat([own.assign(method=method) for method, own in rows.items()], ignore_index=True)
        write(output / "reports.csv", table.to_csv(index=False))
        summary |= self._clinical(rows[name])  # slow, and may fail without a network
        RunFolder(output).write_json("summary.json", summary)
        if self.config["evaluation"]["figures"] and "rougeL_f" in summary["mean"]:
            draw_rouge(summaries, output / "figures" / "reports.png", f"{name} on {self.data.config.name}")
        log.info(describe(summary))
        return summary

    def _clinical(self, rows: pd.DataFrame) -> dict[str, Any]:
        """What RadEval says, where it is asked."""
        metrics = self.config["evaluation"]["radeval"]
        if not metrics:
            return {}
        try:
            return {"radeval": radeval(rows["reference"].tolist(), rows["text"].tolist(), metrics)}
        except UserError as error:
            log.warning(f"left out: {error}")
            return {}

    @property
    def _how(self) -> Generation:
        return Generation(**self.config["generation"])

    def _baselines(self, reports: Sequence[Report]) -> Iterator[tuple[str, list[Written]]]:
        """What each rule writes; one whose package is missing is left out."""
        train = self.data.part("train")
        for name in self.config["evaluation"]["baselines"]:
            try:
                yield name, [Written(text) for text in BASELINES[name](train, reports)]
            except UserError as error:
                log.warning(f"{name}: left out ({error})")


def write_all(writer: Writer, reports: Sequence[Report], how: Generation) -> list[Written]:
    """The answers to all reports, in their order; one that the writer refuses has none."""
    found: dict[int, Written] = {}
    for index, answer in answers(writer, reports, how):
        if isinstance(answer, UserError):
            log.warning(f"left empty: {answer}")
        found[index] = Written("") if isinstance(answer, UserError) else answer
    return [found[index] for index in range(len(reports))]


def writer_name(config: Mapping[str, Any]) -> str:
    """What tables call the writer of a run: the last part of its model's name."""
    return Path(str(config["llm"]["pretrained"])).name


def describe(summary: Mapping[str, Any]) -> str:
    """A summary as the tables that are printed."""
    about = f"{summary['writer']} on {summary['data']} ({summary['part']}, split {summary['split']})"
    parts = [render(rows, f"{about}: {title}", []) for title, rows in tables(summary["methods"]).items()]
    published = published_table(summary["data"])
    if len(published) > 1:
        parts.append(render(published, f"published on {summary['data']}", published_notes(summary["data"])))
    notes = [note for note in (summary["data_note"], *summary["notes"]) if note]
    return "\n".join([*parts, CAPTION, *notes])
