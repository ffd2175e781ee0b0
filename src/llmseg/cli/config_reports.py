"""What the YAML files of conf/ may say of reports: conf/report.yaml."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from llmseg.cli.config import TrainingConfig
from llmseg.data.reports.config import ReportsConfig


@dataclass
class GenerationConfig:
    """How answers are written; see `llmseg.language.writing.Generation`.

    Attributes:
        max_new_tokens: at most so many tokens.
        do_sample: draw tokens instead of taking the likeliest.
        num_beams: of beam search; 1: none.
        temperature: of sampling.
        top_p: sample among the likeliest tokens that have this probability together.
        top_k: sample among so many of the likeliest; 0: all.
        repetition_penalty: above 1 tokens that were there before become less likely.
        batch_size: reports at a time.
        seed: of sampling.
    """

    max_new_tokens: int = 128
    do_sample: bool = False
    num_beams: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    batch_size: int = 16
    seed: int = 0


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
        generation: see GenerationConfig.
        evaluation: see ReportEvaluationConfig.
        data: see ReportsConfig.
    """

    task: str = "report"
    prompt: TemplateConfig = field(default_factory=TemplateConfig)
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    evaluation: ReportEvaluationConfig = field(default_factory=ReportEvaluationConfig)
    data: ReportsConfig = field(default_factory=ReportsConfig)
