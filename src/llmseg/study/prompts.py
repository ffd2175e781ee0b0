"""The prompt: templates of the configuration, filled in, and the hash that is their version."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from string import Formatter
from typing import Any

from llmseg.errors import ConfigError

_FIELDS = {
    "text": {"train", "test", "size", "channels", "seconds", "libraries"},
    "contract": {"train", "test", "size", "channels", "seconds", "libraries"},
    "feedback": {"problem", "output"},
}
_LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class Prompt:
    """Templates of one conf/prompt file.

    Attributes:
        name: of the file.
        spatial_dims: of what the program segments.
        text: the task.
        contract: how the program is started and what it must leave.
        feedback: answer to a failed round.
    """

    name: str
    spatial_dims: int
    text: str
    contract: str
    feedback: str

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "Prompt":
        """Read a plain `prompt` node.

        Raises:
            ConfigError: a field that there is not, or neither two nor three dimensions.
        """
        if node["spatial_dims"] not in (2, 3):
            raise ConfigError(f"prompt.spatial_dims={node['spatial_dims']}: choose 2 or 3")
        for key, known in _FIELDS.items():
            try:
                fields = {field for _, field, _, _ in Formatter().parse(node[key]) if field is not None}
            except ValueError as error:
                raise ConfigError(f"prompt.{key}: {error}") from error
            if unknown := sorted(fields - known):
                raise ConfigError(f"prompt.{key}: no field {{{unknown[0]}}}; there is {', '.join(sorted(known))}")
        return cls(**{key: node[key] for key in cls.__dataclass_fields__})

    @property
    def sha256(self) -> str:
        """Version of the prompt: a hash of its templates."""
        content = [self.spatial_dims, self.text, self.contract, self.feedback]
        return sha256(json.dumps(content).encode()).hexdigest()

    def first(self, facts: Mapping[str, object]) -> str:
        """The first message; `facts` are train, test, size, channels and seconds."""
        fields = {"libraries": libraries(), **facts}
        return f"{self.text.format(**fields)}\n\n{self.contract.format(**fields)}"

    def after(self, problem: str, output: str) -> str:
        """The message after a failed round.

        Args:
            problem: what happened, in a sentence.
            output: the end of what the program printed; empty for nothing.
        """
        quoted = f"```\n{output}\n```" if output else ""
        return self.feedback.format(problem=problem, output=quoted)


def libraries() -> str:
    """What generated code can import, with versions."""
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
