"""Sequences of tokens for training: question and answer, in rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

IGNORED = -100
"""Label of a position that does not count in the loss."""


@dataclass(frozen=True)
class Example:
    """One question with its answer.

    Attributes:
        ids: tokens of both; the answer's end belongs to the answer.
        start: number of tokens that do not count in the loss: those of the question.
    """

    ids: tuple[int, ...]
    start: int

    @property
    def labels(self) -> list[int]:
        """The answer's tokens; IGNORED where the question is."""
        return [IGNORED] * self.start + list(self.ids[self.start :])


@dataclass(frozen=True)
class Rows:
    """A batch as a model takes it; T is the longest row's length.

    Attributes:
        input_ids: (N, T) int64, filled at the right.
        labels: (N, T) int64.
        attention_mask: (N, T) int64, 0 where a row is filled up; or of packed rows (N, 1, T, T) bool, which token sees
            which.
        position_ids: (N, T) int64, of packed rows; None: as they stand.
    """

    input_ids: Tensor
    labels: Tensor
    attention_mask: Tensor
    position_ids: Tensor | None = None

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What goes into a model of transformers."""
        given = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return given if self.position_ids is None else given | {"position_ids": self.position_ids}


def one_a_row(examples: Sequence[Example], fill: int, device: torch.device) -> Rows:
    """Each example in a row of its own.

    Args:
        examples: at least one.
        fill: token that stands behind shorter ones.
        device: of the tensors.
    """
    shape = (len(examples), max(len(example.ids) for example in examples))
    ids, labels = torch.full(shape, fill), torch.full(shape, IGNORED)
    mask = torch.zeros(shape, dtype=torch.long)
    for row, example in enumerate(examples):
        end = len(example.ids)
        ids[row, :end], labels[row, :end] = torch.tensor(example.ids), torch.tensor(example.labels)
        mask[row, :end] = 1
    return Rows(ids.to(device), labels.to(device), mask.to(device))


def packed(examples: Sequence[Example], length: int, fill: int, device: torch.device) -> Rows:
    """Several examples in a row, longest first, each into the first row that has room; none sees another.

    The loss is that of `one_a_row`, without the filling's share of the work. A label at the first token of an example,
    which the token before it would have to foresee, does not count: it belongs to the question.

    Args:
        examples: at least one, none longer than `length`.
        length: most tokens of a row.
        fill: see `one_a_row`.
        device: see `one_a_row`.
    """
    rows = _shelves(examples, length)
    shape = (len(rows), max(sum(len(each.ids) for each in row) for row in rows))
    ids, labels = torch.full(shape, fill), torch.full(shape, IGNORED)
    owner, place = torch.full(shape, -1), torch.zeros(shape, dtype=torch.long)
    for row, own in enumerate(rows):
        start = 0
        for number, example in enumerate(own):
            span = slice(start, start + len(example.ids))
            ids[row, span], labels[row, span] = torch.tensor(example.ids), torch.tensor(example.labels)
            owner[row, span], place[row, span] = number, torch.arange(len(example.ids))
            start = span.stop
    same = owner[:, :, None] == owner[:, None, :]  # filling sees filling: a row that sees nothing gives no numbers
    sees = (same & torch.ones(shape[1], shape[1], dtype=torch.bool).tril()[None])[:, None]
    return Rows(ids.to(device), labels.to(device), sees.to(device), place.to(device))


def _shelves(examples: Sequence[Example], length: int) -> list[list[Example]]:
    rows: list[list[Example]] = []
    used: list[int] = []
    for example in sorted(examples, key=lambda each: len(each.ids), reverse=True):
        size = len(example.ids)
        index = next((index for index, taken in enumerate(used) if taken + size <= length), len(rows))
        if index == len(rows):
            rows.append([])
            used.append(0)
        rows[index].append(example)
        used[index] += size
    return rows
