"""What is put around a report: the question, and what of the answer counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from hashlib import sha256
from string import Formatter
from typing import Any

from llmseg.data.reports.sample import Report, Turn
from llmseg.errors import ConfigError

CHAT = "chat"
_FIELDS = ("instruction", "input")


@dataclass(frozen=True)
class Template:
    """The text that a language model gets, up to where its answer begins.

    Attributes:
        name: of the YAML file.
        text: with `{input}` and, where wanted, `{instruction}`; null: the messages of the model's own chat template.
        instruction: what is asked for, where a report does not say so itself.
        system: first message of a chat; null: none.
        stop: an answer ends before any of these.
        strip_spaces: take ASCII spaces out of answers, which tokenizers put between Chinese words.

    Raises:
        ConfigError: a field that there is not, or none for the input.
    """

    name: str
    text: str | None
    instruction: str = ""
    system: str | None = None
    stop: Sequence[str] = ()
    strip_spaces: bool = False

    def __post_init__(self) -> None:
        if self.text is None:
            return
        try:
            found = {name for _, name, _, _ in Formatter().parse(self.text) if name is not None}
        except ValueError as error:
            raise ConfigError(f"prompt.text: {error}; a brace that is meant is written twice") from error
        if unknown := sorted(found - set(_FIELDS)):
            near = get_close_matches(unknown[0], _FIELDS, 1)
            hint = f"did you mean {{{near[0]}}}?" if near else "there is {instruction} and {input}"
            raise ConfigError(f"prompt.text: no field {{{unknown[0]}}}: {hint}")
        if "input" not in found:
            raise ConfigError("prompt.text: has no place for the report; write {input}")

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "Template":
        """Read a plain `prompt` node.

        Raises:
            ConfigError: an unknown key, or see above.
        """
        known = [each.name for each in fields(cls)]
        for key in node:
            if key not in known:
                near = get_close_matches(str(key), known, 1)
                raise ConfigError(f"prompt.{key}: no such key; must be {' | '.join(near or known)}")
        return cls(**{**node, "stop": tuple(node.get("stop") or ())})

    @property
    def sha256(self) -> str:
        """Its version: a hash of all that it says."""
        return sha256(json.dumps(asdict(self), ensure_ascii=False).encode()).hexdigest()

    @property
    def is_chat(self) -> bool:
        """Whether the model's own chat template is used."""
        return self.text is None

    def filled(self, report: Report) -> str:
        """The text for a report; earlier messages of a chat stand before its input, a line each.

        Raises:
            ConfigError: this is the chat template, which only a tokenizer can fill in.
        """
        if self.text is None:
            raise ConfigError("prompt=chat: only a model with a chat template can use it")
        told = [turn for turn in report.turns[:-1] if turn.role != "system"]
        known = "\n".join([*(turn.content for turn in told), report.input])
        return self.text.format(instruction=self._instruction(report), input=known)

    def messages(self, report: Report) -> list[dict[str, str]]:
        """The report as messages of a chat, the user's the last one."""
        if report.turns:
            turns = list(report.turns)
        else:
            asked = self._instruction(report)
            turns = [Turn("user", f"{asked}\n\n{report.input}" if asked else report.input)]
        if self.system and turns[0].role != "system":
            turns.insert(0, Turn("system", self.system))
        return [{"role": turn.role, "content": turn.content} for turn in turns]

    def cleaned(self, text: str) -> str:
        """An answer up to the first stop, without white space around it."""
        ends = [place for place in (text.find(stop) for stop in self.stop) if place >= 0]
        text = text[: min(ends)] if ends else text
        return (text.replace(" ", "") if self.strip_spaces else text).strip()

    def _instruction(self, report: Report) -> str:
        told = next((turn.content for turn in report.turns if turn.role == "system"), None)
        return report.instruction or told or self.instruction
