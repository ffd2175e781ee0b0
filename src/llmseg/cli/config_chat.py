"""What the YAML files of conf/ may say of the chat: conf/chat.yaml."""

from dataclasses import dataclass, field

from llmseg.cli.config import PathsConfig
from llmseg.cli.config_reports import TemplateConfig
from llmseg.language.writing import Generation


@dataclass
class ChatConfig(Generation):
    """Keys of conf/chat.yaml: those of Generation and these.

    Attributes:
        run: a run folder of a report model.
        path: a folder of Hugging Face instead, or a name there.
        checkpoint: last, or best (on the validation reports).
        accelerator: as Lightning names them: auto, cpu, gpu, ...
        in_csv: table with a row a text; null: a conversation.
        out_csv: the same table with a column GENERATED.
        column: of the texts in in_csv.
        encoding: of out_csv; null: that of in_csv, with GBK as GB18030.
        in_encoding: of in_csv; null: detected.
        overwrite: replace out_csv where it is there already, and a column GENERATED of in_csv.
        paths: see PathsConfig.
        prompt: see TemplateConfig; none: the run's own.
    """

    max_new_tokens: int = 512
    batch_size: int = 8
    seed: int = 42
    run: str | None = None
    path: str | None = None
    checkpoint: str = "last"
    accelerator: str = "auto"
    in_csv: str | None = None
    out_csv: str | None = None
    column: str = "INSTRUCTION"
    encoding: str | None = None
    in_encoding: str | None = None
    overwrite: bool = False
    paths: PathsConfig = field(default_factory=PathsConfig)
    prompt: TemplateConfig = field(default_factory=TemplateConfig)
