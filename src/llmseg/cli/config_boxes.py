"""What the YAML files of conf/ may say of boxes: conf/ground.yaml and conf/boxes.yaml."""

from dataclasses import dataclass, field

from llmseg.cli.config import PathsConfig, TrainingConfig
from llmseg.data.boxes.config import BoxesConfig, MakeConfig
from llmseg.data.config import DataConfig


@dataclass
class GroundingEvaluationConfig:
    """How boxes are scored.

    Attributes:
        batch_size: slices at a time.
        controls: rules in the same table: centre, mean, bright_flair.
        masks: a segmentation run, or a folder with such: the box around its mask, in the same table.
        ablate: score as well without each sequence, and with each alone.
        figures: draw best, median and worst slices.
    """

    batch_size: int = 16
    controls: list[str] = field(default_factory=lambda: ["centre", "mean", "bright_flair"])
    masks: str | None = None
    ablate: bool = True
    figures: bool = True


@dataclass
class GroundConfig(TrainingConfig):
    """Keys of conf/ground.yaml beside its groups: those of TrainingConfig and these.

    Attributes:
        task: grounding.
        evaluation: see GroundingEvaluationConfig.
        data: see BoxesConfig.
    """

    task: str = "grounding"
    evaluation: GroundingEvaluationConfig = field(default_factory=GroundingEvaluationConfig)
    data: BoxesConfig = field(default_factory=BoxesConfig)


@dataclass
class BoxesCommandConfig(MakeConfig):
    """Keys of conf/boxes.yaml: those of MakeConfig and these.

    Attributes:
        paths: see PathsConfig.
        data: see DataConfig.
    """

    paths: PathsConfig = field(default_factory=PathsConfig)
    data: DataConfig = field(default_factory=DataConfig)
