"""What conf/app.yaml may say."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from llmseg.cli.config import PathsConfig


@dataclass
class AppConfig:
    """Keys of conf/app.yaml.

    Attributes:
        run: a run folder written by training, a folder with runs, or a list of these.
        host: address to serve at; 127.0.0.1 is this machine alone, 0.0.0.0 all networks that it is in.
        port: of TCP; null: a free one.
        max_upload_mb: largest file that is taken, in megabytes.
        examples: offer texts and a scan to try out.
        accelerator: as Lightning names them: auto, cpu, gpu, ...
        checkpoint: last, or best (on the validation cases).
        queue: requests that may wait; there is one at a time.
        models: kept loaded at a time.
        max_new_tokens: of a text.
        paths: see PathsConfig.
    """

    run: Any = MISSING
    host: str = "127.0.0.1"
    port: int | None = 7860
    max_upload_mb: int = 200
    examples: bool = True
    accelerator: str = "auto"
    checkpoint: str = "last"
    queue: int = 20
    models: int = 2
    max_new_tokens: int = 256
    paths: PathsConfig = field(default_factory=PathsConfig)
