"""LLMs that write the texts: SmolLM2 from its package, or any model behind an OpenAI-compatible endpoint."""

from dataclasses import dataclass
from typing import Protocol

from llmseg.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """How an LLM is asked; None leaves it to the LLM, since some endpoints refuse what they do not know.

    Attributes:
        temperature: 0 is greedy.
        seed: of the sampling.
        max_tokens: of one answer.
    """

    temperature: float | None = 0.0
    seed: int | None = 0
    max_tokens: int | None = 80


class Author(Protocol):
    """An LLM.

    Attributes:
        name: of its YAML file.
        llm: in full.
        version: of what is asked: package or endpoint.
    """

    name: str
    llm: str
    version: str

    def ask(self, prompt: str) -> tuple[str, bool]:
        """The answer to one prompt, asked in a conversation of its own, and whether it ended before `max_tokens`."""
        ...


def load_author(name: str, sampling: Sampling) -> Author:
    """The LLM that `author=` names.

    Args:
        name: smollm2, or `openai:<model>`.
        sampling: how it is asked.

    Raises:
        ConfigError: no LLM can have this name, or it cannot be asked in this way.
        UserError: a package or key is missing.
    """
    if (sampling.temperature or 0) < 0:
        raise ConfigError(f"temperature={sampling.temperature}: must not be negative")
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise ConfigError(f"max_tokens={sampling.max_tokens}: must be at least 1")
    if name == "smollm2":
        from llmseg.knowledge.authors.smollm2 import SmolLM2

        return SmolLM2(sampling)
    if name.startswith("openai:") and name != "openai:":
        from llmseg.knowledge.authors.openai_endpoint import ChatEndpoint

        return ChatEndpoint(name.removeprefix("openai:"), sampling)
    raise ConfigError(f"author={name}: choose smollm2 or openai:<model>")
