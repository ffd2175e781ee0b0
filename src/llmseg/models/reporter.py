"""A causal language model that reads findings and writes what they mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from torch import Tensor, nn

from llmseg.data.reports.sample import Report
from llmseg.data.seeds import derive, seed_device
from llmseg.errors import ConfigError, UserError, first_line
from llmseg.language.adapters import Adapter, add_adapter
from llmseg.language.causal import answer_loss, base_of, context_of, reads_ahead
from llmseg.language.generation import config_of
from llmseg.language.linear import quick_linear
from llmseg.language.lm import identity_of, load
from llmseg.language.templates import Template
from llmseg.language.tokens import Example, Rows, one_a_row, packed
from llmseg.language.writing import Generation, Written

TOO_LONG = ("drop", "cut")
_SPARE = 8  # tokens that a cut leaves free: a text that is cut and read again may have some more


class Reporter(nn.Module):
    """A language model with its tokenizer, a prompt and, where wanted, an adapter.

    In training, question and answer are tokenised on their own, so that their border is where it is when the model
    writes; the question does not count in the loss, and the end of the text does.

    Args:
        pretrained: smollm2, a folder, or a name on Hugging Face.
        prompt: arguments of `Template`.
        adapter: arguments of `Adapter`; kind none: all weights learn.
        layers: keep only so many of its blocks, the first ones; None: all.
        dtype: of the weights that are read: float32, bfloat16, float16.
        max_length: most tokens of question and answer together, in training.
        too_long: longer ones are left out (`drop`), or their report is shortened from its end (`cut`).
        packing: several reports share a row of `max_length` tokens; the loss is the same.
        whole_text: the question counts in the loss as the answer does; so were several published models trained.
        gradient_checkpointing: recompute activations instead of keeping them.
        cache: see `llmseg.language.lm.load`.

    Attributes:
        identity: tells this writer from others; whoever opens a checkpoint adds what tells its weights.

    Raises:
        ConfigError: settings that do not fit together.
        UserError: the model cannot be had.
    """

    def __init__(
        self,
        *,
        pretrained: str,
        prompt: Mapping[str, Any],
        adapter: Mapping[str, Any] | None = None,
        layers: int | None = None,
        dtype: str = "float32",
        max_length: int = 512,
        too_long: str = "drop",
        packing: bool = False,
        whole_text: bool = False,
        gradient_checkpointing: bool = False,
        cache: str = ".cache",
    ) -> None:
        super().__init__()
        if too_long not in TOO_LONG:
            raise ConfigError(f"data.too_long={too_long}: choose {' or '.join(TOO_LONG)}")
        self.template = Template.of(prompt)
        self.max_length, self.cuts, self.packing = max_length, too_long == "cut", packing
        self.whole_text = whole_text
        chosen = Adapter.of(adapter)
        self.tokenizer, model = load(pretrained, "llm.pretrained", Path(cache).expanduser(), layers, dtype, chosen)
        self._check(model)
        self._ends = _ends(self.tokenizer, model)
        self._fill = _fill(self.tokenizer, model, self._end)
        model.generation_config = config_of(Generation(), self._ends, self._fill)  # nor what the checkpoint came with
        if gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        self.lm = add_adapter(model.requires_grad_(chosen.kind == "none"), chosen)
        is_folder = Path(pretrained).expanduser().is_dir()
        if hasattr(self.lm, "peft_config"):
            for each in self.lm.peft_config.values():
                each.base_model_name_or_path = str(Path(pretrained).absolute()) if is_folder else pretrained
        self.identity = {"model": identity_of(pretrained), "prompt": self.template.sha256}
        self.train()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return base_of(self.lm).get_input_embeddings().weight.device

    @property
    def context(self) -> int | None:
        """Most tokens that the model was made for."""
        return context_of(base_of(self.lm).config)

    def prompt_of(self, report: Report) -> str:
        """See `Writer`."""
        if not self.template.is_chat:
            return self.template.filled(report)
        messages = self.template.messages(report)
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except TemplateError as error:
            raise ConfigError(f"prompt=chat: the model's template refuses: {first_line(error)}") from error

    def example(self, report: Report) -> Example | None:
        """The tokens of a report and its answer; None where they are too many and may not be cut, or not enough.

        Raises:
            UserError: the report has no answer.
        """
        answer = self._answer(report)
        question = self._question(report)
        over = len(question) + len(answer) - self.max_length
        if over > 0 and not self.cuts:
            return None
        if over > 0:
            question = self._cut(report, over)
            if len(question) + len(answer) > self.max_length:
                return None  # prompt and answer alone are too long
        start = 1 if self.whole_text else max(len(question), 1)  # nothing foretells the first token
        return Example(tuple(question + answer), start)

    def length(self, report: Report) -> int:
        """Tokens of question, answer and end together.

        Raises:
            UserError: the report has no answer.
        """
        return len(self._question(report)) + len(self._answer(report))

    def fits(self, report: Report) -> bool:
        """Whether a report can be trained on."""
        return self.length(report) <= self.max_length or (self.cuts and self.example(report) is not None)

    def loss(self, reports: Sequence[Report]) -> Tensor:
        """Mean cross-entropy over the tokens of all answers, their ends among them."""
        rows = self.rows(reports)
        return answer_loss(base_of(self.lm), rows.labels, **rows.inputs)

    def rows(self, reports: Sequence[Report]) -> Rows:
        """A training batch.

        Raises:
            UserError: a report is too long, or has no answer.
        """
        examples = []
        for report in reports:
            example = self.example(report)
            if example is None:
                raise UserError(f"line {report.line}, report {report.id}: longer than {self.max_length} tokens")
            examples.append(example)
        if self.packing:
            return packed(examples, self.max_length, self._fill, self.device)
        return one_a_row(examples, self._fill, self.device)

    def write(self, reports: Sequence[Report], how: Generation) -> Iterator[tuple[int, Written]]:
        """See `Writer`; of the same reports and settings always the same, whatever was written before.

        What is drawn depends on a report's own text and the seed, so that a batch which is gone on with has the
        same answers: reports are then written one by one.
        """
        questions = [self._question(report) for report in reports]
        for report, question in zip(reports, questions, strict=True):
            self._check_room(report, len(question))
        order = sorted(range(len(reports)), key=lambda index: len(questions[index]), reverse=True)
        size = 1 if how.do_sample else how.batch_size
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            yield from zip(chosen, self._batch([questions[index] for index in chosen], how), strict=True)

    @torch.inference_mode()
    def _batch(self, questions: Sequence[Sequence[int]], how: Generation) -> list[Written]:
        """Answers to tokenised questions, filled up at the left."""
        longest = max(map(len, questions))
        ids = torch.full((len(questions), longest), self._fill)
        mask = torch.zeros_like(ids)
        for row, question in enumerate(questions):
            ids[row, longest - len(question) :], mask[row, longest - len(question) :] = torch.tensor(question), 1
        room = how.max_new_tokens if self.context is None else min(how.max_new_tokens, self.context - longest)
        where = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=where), quick_linear(self.lm):
            seed_device(derive(how.seed, "write", *questions[0]), self.device)
            try:
                found = base_of(self.lm).generate(
                    input_ids=ids.to(self.device),
                    attention_mask=mask.to(self.device),
                    generation_config=config_of(replace(how, max_new_tokens=room), self._ends, self._fill),
                )
            except torch.OutOfMemoryError as error:
                raise UserError("out of memory: lower batch_size or max_new_tokens") from error
        return [self._read(row) for row in found[:, longest:].tolist()]

    def _read(self, tokens: Sequence[int]) -> Written:
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        raw = self.tokenizer.decode(tokens[:end], skip_special_tokens=True)
        stopped = any(stop in raw for stop in self.template.stop)
        return Written(self.template.cleaned(raw), is_cut=end is None and not stopped)

    def _check_room(self, report: Report, length: int) -> None:
        if self.context is not None and length >= self.context:
            raise UserError(
                f"line {report.line}, report {report.id}: its prompt has {length} tokens, and the model reads and "
                f"writes {self.context} together; shorten it"
            )

    def _check(self, model: Any) -> None:
        """Refuse settings that this model cannot have."""
        context = context_of(model.config)
        if context is not None and self.max_length > context:
            raise ConfigError(f"data.max_length={self.max_length}: the model reads {context} tokens at most")
        if self.template.is_chat and not getattr(self.tokenizer, "chat_template", None):
            raise ConfigError("prompt=chat: this model's tokenizer has no chat template; take prompt=plain")
        if reads_ahead(model):
            raise ConfigError(f"llm.pretrained: {type(model).__name__} sees what comes later; take one that writes")
        if self.packing and not self._keeps_apart(model):
            raise ConfigError(f"data.packing=true: {type(model).__name__} cannot keep packed reports apart; take false")

    def _keeps_apart(self, model: Any) -> bool:
        """Whether a mask and positions are enough for reports in one row: no state, window or bias goes by places."""
        window = getattr(model.config.get_text_config(), "sliding_window", None)
        if model.config._attn_implementation != "sdpa" or (window is not None and window < self.max_length):
            return False
        pair = [Example((5, 6, 7, 4, 5), 1), Example((7, 6, 5), 1)]
        device = model.get_input_embeddings().weight.device
        apart, joined = one_a_row(pair, 0, device), packed(pair, 8, 0, device)
        with torch.no_grad():
            try:
                losses = [float(answer_loss(model, rows.labels, **rows.inputs)) for rows in (apart, joined)]
            except (TypeError, ValueError, RuntimeError):  # it takes no such mask
                return False
        return abs(losses[0] - losses[1]) < 1e-3 * abs(losses[0])

    @property
    def _end(self) -> int:
        return self._ends[0]

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def _answer(self, report: Report) -> list[int]:
        if report.output is None:
            raise UserError(f"line {report.line}, report {report.id}: has nothing to learn from (no output)")
        return [*self._tokens(report.output), self._end]

    def _question(self, report: Report) -> list[int]:
        text = self.prompt_of(report)
        ids = list(self.tokenizer(text, add_special_tokens=not self.template.is_chat).input_ids)
        while not self.template.is_chat and ids and ids[-1] in self._ends:  # some tokenizers end every text
            ids.pop()
        return ids

    def _cut(self, report: Report, over: int) -> list[int]:
        """The question with so many tokens less of the report itself; without any of it where that is not enough."""
        tokens = self._tokens(report.input)
        kept = self.tokenizer.decode(tokens[: max(len(tokens) - over - _SPARE, 0)], skip_special_tokens=True)
        kept = kept.rstrip("\N{REPLACEMENT CHARACTER}")  # half a character of a tokenizer of bytes
        turns = (*report.turns[:-1], replace(report.turns[-1], content=kept)) if report.turns else ()
        return self._question(replace(report, input=kept, turns=turns))


def _fill(tokenizer: Any, model: Any, end: int) -> int:
    """Token that stands where there is none; those places are masked, so it may well be the end token."""
    pad = tokenizer.pad_token_id
    return end if pad is None or pad >= model.get_input_embeddings().num_embeddings else int(pad)


def _ends(tokenizer: Any, model: Any) -> tuple[int, ...]:
    """Tokens that end an answer, the one that is trained first.

    Raises:
        UserError: the model has none.
    """
    told = getattr(model.generation_config, "eos_token_id", None)
    more = [told] if isinstance(told, int) else list(told or ())
    first = tokenizer.eos_token_id
    ends = tuple(dict.fromkeys(([] if first is None else [int(first)]) + [int(each) for each in more]))
    if not ends:
        raise UserError("llm.pretrained: its tokenizer has no token that ends a text; take another model")
    return ends
