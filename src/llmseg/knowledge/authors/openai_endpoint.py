"""Any LLM behind an OpenAI-compatible endpoint."""

from dataclasses import asdict
from typing import Any

from llmseg.errors import UserError
from llmseg.knowledge import endpoint
from llmseg.knowledge.authors import Sampling


class ChatEndpoint:
    """`author=openai:<model>`; OPENAI_BASE_URL and OPENAI_API_KEY tell where and who.

    Args:
        model: as the endpoint names it.
        sampling: how it is asked; the seed is sent, but not every endpoint heeds it.

    Raises:
        UserError: the package `openai` or the key is missing.
    """

    def __init__(self, model: str, sampling: Sampling) -> None:
        self._wanted_by = f"author=openai:{model}"
        self._client = endpoint.connect(self._wanted_by)
        self.name = "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in model).strip(".")
        self.llm = model
        self.version = endpoint.place()
        self.sampling = sampling

    def ask(self, prompt: str) -> tuple[str, bool]:
        """The answer, and whether it ended by itself.

        Raises:
            UserError: the endpoint cannot be reached, refuses, or answers something else.
        """
        options: dict[str, Any] = {key: value for key, value in asdict(self.sampling).items() if value is not None}
        with endpoint.one_line_errors(self._wanted_by):
            answer = self._client.chat.completions.create(
                model=self.llm, messages=[{"role": "user", "content": prompt}], **options
            )
        if not answer.choices or answer.choices[0].message is None:
            raise UserError(f"{self._wanted_by}: {endpoint.place()} answered without a message")
        # the endpoint may have answered with a dated version of the model
        self.version = f"{endpoint.place()}, {answer.model}" if answer.model else endpoint.place()
        return answer.choices[0].message.content or "", answer.choices[0].finish_reason != "length"
