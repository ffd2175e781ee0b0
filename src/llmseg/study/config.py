"""The typed nodes of conf/study.yaml and its groups."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class PriceConfig:
    """What a million tokens cost; null: not known.

    Attributes:
        input: of prompts.
        output: of answers.
        currency: its code.
    """

    input: float | None = None
    output: float | None = None
    currency: str = "USD"


@dataclass
class AuthorConfig:
    """Who writes, and how it is asked; null for what is not sent.

    Attributes:
        name: of the YAML file, used in run folders.
        client: what answers: openai (an endpoint), local (SmolLM2), recorded (a transcript) or nnunet (the reference).
        model: as the endpoint names it; null: as the transcript says.
        company: behind the LLM.
        base_url: of the endpoint, without user and password.
        key_variable: name of the environment variable that holds the key; null: none is needed.
        temperature: of the sampling.
        seed: of the sampling.
        max_tokens: of one answer.
        options: further fields of the request.
        stream: take the answer bit by bit.
        timeout: seconds without a word from the server.
        retries: after 429, 5xx and cut connections.
        wait: seconds before the first retry.
        price: see PriceConfig.
        transcript: folder of a study, or its messages.jsonl.
    """

    name: str = MISSING
    client: str = MISSING
    model: str | None = MISSING
    company: str | None = None
    base_url: str | None = None
    key_variable: str | None = None
    temperature: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    timeout: float = 900.0
    retries: int = 5
    wait: float = 2.0
    price: PriceConfig = field(default_factory=PriceConfig)
    transcript: str | None = None


@dataclass
class PromptConfig:
    """What the author is asked.

    Attributes:
        name: of the YAML file.
        spatial_dims: 2: slices as PNG; 3: volumes as .npy.
        text: template of the task.
        contract: template of how the program is started and what it must leave.
        feedback: template of the answer to a failed round.
    """

    name: str = MISSING
    spatial_dims: int = 2
    text: str = MISSING
    contract: str = MISSING
    feedback: str = MISSING


@dataclass
class BudgetConfig:
    """A study gives up when one of these is spent.

    Attributes:
        rounds: answers.
        tokens: of prompts and answers together.
        minutes: of answering and running together.
    """

    rounds: int = 10
    tokens: int = 200_000
    minutes: float = 240.0


@dataclass
class SandboxConfig:
    """Limits of one run of generated code.

    Attributes:
        isolation: auto, or none to run without isolation.
        seconds: wall time.
        cpu_seconds: of all its processors together; null: seconds times the processors.
        memory_mb: of all its processes.
        file_mb: of one file.
        total_mb: of all files.
        processes: threads included.
        output_kb: kept of each stream.
    """

    isolation: str = "auto"
    seconds: int = 600
    cpu_seconds: int | None = None
    memory_mb: int = 8192
    file_mb: int = 512
    total_mb: int = 1024
    processes: int = 256
    output_kb: int = 1024


@dataclass
class JudgingConfig:
    """How predictions are scored, as `evaluation` of train.py.

    Attributes:
        nsd_tolerance: of the normalised surface distance, in mm.
        figures: draw the best, median and worst case.
    """

    nsd_tolerance: float = 2.0
    figures: bool = True
