"""What the YAML files of conf/ may say of reports: conf/report.yaml."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from llmseg.cli.config import TrainingConfig
from llmseg.data.reports.config import ReportsConfig
from llmseg.language.writing import Generation


@dataclass
class TemplateConfig:
    """What is put around a report; see `llmseg.language.templates.Template`.

    Attributes:
        name: of the YAML file.
        text: with {input} and, where wanted, {instruction}; null: the model's own chat template.
        instruction: what is asked for, where a report does not say so.
        system: first message of a chat.
        stop: an answer ends before any of these.
        strip_spaces: take ASCII spaces out of answers.
    """

    name: str = MISSING
    text: str | None = None
    instruction: str = ""
    system: str | None = None
    stop: list[str] = field(default_factory=list)
    strip_spaces: bool = False


@dataclass
class ReportEvaluationConfig:
    """How reports are scored.

    Attributes:
        baselines: rules in the same table, see `llmseg.evaluation.reports.baselines`.
        limit: score so many reports of the test part only, the first ones; null: all.
        similarity: cosine of MiniLM's embeddings as well.
        radeval: metrics of the package RadEval, where it is installed.
        figures: draw the table.
    """

    baselines: list[str] = field(default_factory=lambda: ["constant", "first_sentence", "nearest"])
    limit: int | None = None
    similarity: bool = True
    radeval: list[str] | None = None
    figures: bool = True


@dataclass
class ReportTrainConfig(TrainingConfig):
    """Keys of conf/report.yaml beside its groups: those of TrainingConfig and these.

    Attributes:
        task: report.
        prompt: see TemplateConfig.
        generation: see `llmseg.language.writing.Generation`.
        evaluation: see ReportEvaluationConfig.
        data: see ReportsConfig.
    """

    task: str = "report"
    prompt: TemplateConfig = field(default_factory=TemplateConfig)
    generation: Generation = field(default_factory=Generation)
    evaluation: ReportEvaluationConfig = field(default_factory=ReportEvaluationConfig)
    data: ReportsConfig = field(default_factory=ReportsConfig)
