"""What the YAML files of conf/ may say: the typed keys beside the config groups."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from llmseg.data.config import DataConfig
from llmseg.study.config import AuthorConfig, BudgetConfig, JudgingConfig, PromptConfig, SandboxConfig


@dataclass
class EvaluationConfig:
    """How cases are scored.

    Attributes:
        checkpoints: which of a run are scored: last, best (chosen on the validation cases). The first rules the table,
            others get a column of their own name.
        networks: of a method with several: net, peer; null: all that the method tests, by their mean probability.
        nsd_tolerance: of the normalised surface distance, in mm.
        overlap: of neighbouring patches in the sliding window (3D), as a share of the patch.
        weights: of patches where they overlap: gaussian (the middle counts more) or constant.
        stride: from patch to patch, voxels of each axis, instead of `overlap`; null: by `overlap`.
        figures: draw the best, median and worst case.
    """

    checkpoints: list[str] = field(default_factory=lambda: ["last", "best"])
    networks: list[str] | None = None
    nsd_tolerance: float = 2.0
    overlap: float = 0.5
    weights: str = "gaussian"
    stride: list[int] | None = None
    figures: bool = True


@dataclass
class PathsConfig:
    """Folders.

    Attributes:
        data: parent of all data sets.
        runs: parent of all run folders.
        cache: preprocessed cases; safe to delete.
    """

    data: str = "data"
    runs: str = "runs"
    cache: str = ".cache"


@dataclass
class SweepConfig:
    """Keys of conf/sweep/optuna.yaml.

    Attributes:
        study: its name inside the storage.
        storage: URL of a database.
        trials: in all, those of earlier starts included.
        jobs: trials at once; null: as many as the launcher runs at once.
        seed: of the sampler.
        pruner: median, hyperband or none.
        startup: trials before any is given up.
        warmup: validations before a trial is given up.
        space: key -> its values, in the syntax of Hydra's sweeps; null: only what the command line has.
    """

    study: str = ""
    storage: str = ""
    trials: int = 30
    jobs: int | None = None
    seed: int = 0
    pruner: str = "median"
    startup: int = 5
    warmup: int = 2
    space: dict[str, str] | None = None


@dataclass
class TrainingConfig:
    """Keys of every training beside its groups.

    Attributes:
        name: folder of the run below `paths.runs`; null: the experiment's name, or `<data>_<model>`.
        seed: of weights, order, crops and augmentation.
        resume: a run folder to go on with; its own config.yaml counts.
        save_every_n_steps: optimiser steps between two checkpoints within an epoch.
        lr_find: only look for a learning rate.
        evaluate: score the test cases after training.
        paths: see PathsConfig.
    """

    name: str | None = None
    seed: int = 0
    resume: str | None = None
    save_every_n_steps: int = 200
    lr_find: bool = False
    evaluate: bool = True
    paths: PathsConfig = field(default_factory=PathsConfig)


@dataclass
class TrainConfig(TrainingConfig):
    """Keys of conf/train.yaml beside its groups: those of TrainingConfig and these.

    Attributes:
        ramp_up_steps: of semi-supervised methods: [every, length] of the field's ramp-up, see `SemiSupervised`.
        evaluation: see EvaluationConfig.
        data: see DataConfig.
        sweep: see SweepConfig.
    """

    ramp_up_steps: list[int] | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    data: DataConfig = field(default_factory=DataConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)


@dataclass
class EvaluateConfig:
    """Keys of conf/evaluate.yaml.

    Attributes:
        run: a run folder written by training, or a list of them (folds, seeds), whose mean probability is scored.
        part: which cases: test, val, train or all.
        output: folder of the tables; null: `<run>/evaluations/<data>-<part>`.
        accelerator: as Lightning names them: auto, cpu, gpu, ...
        evaluation: see EvaluationConfig.
        paths: see PathsConfig.
        data: another data set than the run's, or single keys of it that differ.
    """

    run: Any = MISSING
    part: str = "test"
    output: str | None = None
    accelerator: str = "auto"
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    data: DataConfig = field(default_factory=DataConfig)


@dataclass
class CompareConfig:
    """Keys of conf/compare.yaml.

    Attributes:
        run: a folder with runs, or a list of such folders.
        output: folder of comparison.csv and comparison.png; null: the first folder.
        columns: most predictions in the picture.
        classes: one row for all runs whose networks are one function (LLMs that wrote the same network), its members
            listed; written to classes.csv.
        paths: see PathsConfig.
    """

    run: Any = MISSING
    output: str | None = None
    columns: int = 6
    classes: bool = False
    paths: PathsConfig = field(default_factory=PathsConfig)


@dataclass
class ExportConfig:
    """Keys of conf/export.yaml.

    Attributes:
        run: a run folder written by training.
        output: folder of model.onnx, preprocessing.json and infer_onnx.py; null: `<run>/export`.
        format: of report runs: merged, a folder that transformers opens, or adapter; null: merged.
        checkpoint: last, or best (on the validation cases).
        overlap: of neighbouring patches in infer_onnx.py's sliding window (3D), as a share of the patch.
        paths: see PathsConfig.
    """

    run: str = MISSING
    output: str | None = None
    format: str | None = None
    checkpoint: str = "last"
    overlap: float = 0.5
    paths: PathsConfig = field(default_factory=PathsConfig)


@dataclass
class PredictConfig:
    """Keys of conf/predict.yaml.

    Attributes:
        run: a run folder written by training, or a list of them (folds, seeds), whose probabilities are averaged.
        input: a scan, a folder of scans or pictures, or the folder of a DICOM series.
        output: folder of the masks.
        checkpoint: last, or best (on the validation cases).
        accelerator: as Lightning names them: auto, cpu, gpu, ...
        tta: test-time augmentation: average over all mirrorings of the input (4 in 2D, 8 in 3D).
        largest_component: keep only the largest connected component of each class.
        probabilities: also write each class's probability.
        overlay: also draw each mask on its scan (PNG).
        volumes: write volumes.csv, with the millilitres of each class.
        overlap: of neighbouring patches in the sliding window (3D), as a share of the patch.
        slices: of box runs: so many a scan; null: all.
        slice: of box runs: this one instead.
    """

    run: Any = MISSING
    input: str = MISSING
    output: str = MISSING
    checkpoint: str = "last"
    accelerator: str = "auto"
    tta: bool = False
    largest_component: bool = False
    probabilities: bool = False
    overlay: bool = False
    volumes: bool = True
    overlap: float = 0.5
    slices: int | None = 8
    slice: int | None = None


@dataclass
class CheckConfig:
    """Keys of conf/check.yaml.

    Attributes:
        output: folder of check.csv, which has every row in full; null: print only.
        paths: see PathsConfig.
        data: see DataConfig.
    """

    output: str | None = None
    paths: PathsConfig = field(default_factory=PathsConfig)
    data: DataConfig = field(default_factory=DataConfig)


@dataclass
class KnowledgeConfig:
    """Keys of conf/knowledge.yaml.

    Attributes:
        organ: in words.
        modality: of the scans, in words.
        author: the LLM: smollm2, or openai:<model>.
        classes: names as in conf/data, or a mapping from name to words for the prompt; null: the organ.
        output: YAML file; null: my_conf/knowledge/<organ>/<author>.yaml.
        overwrite: replace the file where it is there already.
        temperature: 0 is greedy; null: as the LLM has it.
        seed: of the sampling; null: none is sent.
        max_tokens: of one answer; null: as the LLM has it.
        prompt: template with the fields organ, modality, class and question.
        questions: kind of descriptor -> template with the fields organ, modality and class; null: not asked.
    """

    organ: str = MISSING
    modality: str = MISSING
    author: str = MISSING
    classes: Any = None
    output: str | None = None
    overwrite: bool = False
    temperature: float | None = 0.0
    seed: int | None = 0
    max_tokens: int | None = 80
    prompt: str = MISSING
    questions: dict[str, str | None] = field(default_factory=dict)


@dataclass
class StudyConfig:
    """Keys of conf/study.yaml.

    Attributes:
        name: folder of the run below `paths.runs`.
        repeat: which repetition.
        seed: shuffles the slices that programs get.
        resume: folder of a study to go on with; its own config.yaml counts.
        author: see AuthorConfig.
        prompt: see PromptConfig.
        budget: see BudgetConfig.
        sandbox: see SandboxConfig.
        evaluation: see JudgingConfig.
        paths: see PathsConfig.
        data: see DataConfig.
    """

    name: str = MISSING
    repeat: int = 0
    seed: int = 0
    resume: str | None = None
    author: AuthorConfig = field(default_factory=AuthorConfig)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    evaluation: JudgingConfig = field(default_factory=JudgingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    data: DataConfig = field(default_factory=DataConfig)
