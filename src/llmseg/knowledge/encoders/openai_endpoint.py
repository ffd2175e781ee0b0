"""Embeddings of an OpenAI-compatible endpoint."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from llmseg.errors import ConfigError, UserError
from llmseg.knowledge import endpoint


class EmbeddingsEndpoint:
    """`knowledge.encoder=openai:<model>`; OPENAI_BASE_URL and OPENAI_API_KEY tell where and who.

    Args:
        model: as the endpoint names it.

    Raises:
        ConfigError: no model is named.
    """

    def __init__(self, model: str) -> None:
        if not model:
            raise ConfigError("knowledge.encoder=openai: name a model, such as openai:text-embedding-3-small")
        self.model = model
        self.name = f"openai:{model} ({endpoint.place()})"

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Vectors (n, dim) float32 of norm 1, all asked for at once.

        Raises:
            UserError: the endpoint cannot be reached, refuses, or answers something else.
        """
        wanted_by = f"knowledge.encoder=openai:{self.model}"
        client = endpoint.connect(wanted_by)
        with endpoint.one_line_errors(wanted_by):
            answer = client.embeddings.create(model=self.model, input=list(texts), encoding_format="float")
        rows = {row.index: row.embedding for row in answer.data or []}
        if sorted(rows) != list(range(len(texts))) or len({len(row) for row in rows.values()}) != 1:
            raise UserError(f"{wanted_by}: {endpoint.place()} gave {len(rows)} vectors for {len(texts)} texts")
        return F.normalize(torch.tensor([rows[index] for index in range(len(texts))], dtype=torch.float32), dim=-1)
