"""What vision-language models of Hugging Face's transformers have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from llmseg.data.boxes.sample import Sample
from llmseg.language import codecs
from llmseg.language.adapters import Adapter, add_adapter
from llmseg.language.generation import greedy
from llmseg.language.grammar import Constraint, constraint
from llmseg.language.tokens import IGNORED
from llmseg.models.vlm.base import VisionLanguageModel
from llmseg.models.vlm.pretrained import load

Batch = dict[str, Tensor]


class HuggingFaceModel(VisionLanguageModel):
    """A model of transformers with its processor and, where wanted, an adapter.

    With an adapter its weights are trained and all others frozen; with `kind: none` all weights are trained.

    Args:
        pretrained: a folder, or `owner/name` on Hugging Face, `@revision` where wanted.
        prompt: the question.
        codec: how boxes are written, see `llmseg.language.codecs`.
        label: what is looked for, in the dialects that write it.
        constrained: only texts of the codec's grammar can be written.
        max_new_tokens: of an answer.
        dtype: of the frozen weights: float32, bfloat16, float16.
        adapter: arguments of `Adapter`; None: no adapter.

    Attributes:
        model: of transformers, in peft's wrapper where it has an adapter.
        processor: of transformers.

    Raises:
        ConfigError: a setting that cannot be.
        UserError: the model cannot be had, or a package is missing.
    """

    architecture: ClassVar[str]

    def __init__(
        self,
        *,
        pretrained: str,
        prompt: str,
        codec: str,
        label: str = "tumour",
        constrained: bool = False,
        max_new_tokens: int = 128,
        dtype: str = "float32",
        adapter: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.codec = codecs.get(codec, label)
        self.prompt = prompt
        self.max_new_tokens = max_new_tokens
        low_rank = Adapter.of(adapter)
        self.processor, model = load(self.architecture, pretrained, dtype, low_rank)
        self.tokenizer = self.processor.tokenizer
        text = model.config.get_text_config()
        start = getattr(text, "decoder_start_token_id", None)
        model.generation_config = greedy(self.eos, self.pad, self.tokenizer.bos_token_id, start)
        self.model = add_adapter(model, low_rank)
        self._limit = constraint(self.codec, self.tokenizer, most=max_new_tokens) if constrained else None

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """See VisionLanguageModel."""
        loss: Tensor = self.base(**self.training_batch(samples), use_cache=False).loss
        return loss

    @torch.no_grad()
    def answer(self, samples: Sequence[Sample]) -> list[str]:
        """See VisionLanguageModel."""
        if not samples:
            return []
        training = self.training
        self.eval()
        try:
            return [self.text(ids) for ids in self._generated(samples).tolist()]
        finally:
            self.train(training)

    @abstractmethod
    def training_batch(self, samples: Sequence[Sample]) -> Batch:
        """Everything that the model's `forward` takes; `labels` are the answers and their ends, all else IGNORED."""

    @abstractmethod
    def _generated(self, samples: Sequence[Sample]) -> Tensor:
        """Token ids (N, new) of the answers."""

    @property
    def base(self) -> Any:
        """The model of transformers itself, the adapter's layers inside."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    @property
    def eos(self) -> int:
        """Token that ends an answer."""
        return int(self.tokenizer.eos_token_id)

    @property
    def pad(self) -> int:
        """Token that fills rows; it may be the one that ends an answer."""
        return self.eos if self.tokenizer.pad_token_id is None else int(self.tokenizer.pad_token_id)

    def text(self, ids: Sequence[int]) -> str:
        """The answer in token ids, up to its end; special tokens such as Florence-2's locations are kept."""
        until = ids.index(self.eos) if self.eos in ids else len(ids)
        kept = [token for token in ids[:until] if token not in (self.pad, self.tokenizer.bos_token_id)]
        return str(self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def answer_tokens(self, sample: Sample) -> list[int]:
        """Token ids of what is to be written, the end included."""
        text = self.codec.encode(sample.boxes, sample.size, self.seen(sample))
        return [*self.tokenizer(text, add_special_tokens=False).input_ids, self.eos]

    def _generate(self, batch: Mapping[str, Tensor], prompt: int) -> Tensor:
        """Token ids (N, new) behind the first `prompt` ones."""
        limit = self._limit and Constraint(self._limit.grammar, prompt, self.max_new_tokens)
        ids: Tensor = self.base.generate(**batch, max_new_tokens=self.max_new_tokens, prefix_allowed_tokens_fn=limit)
        return ids[:, prompt:]

    def _placed(self, inputs: Mapping[str, Any]) -> Batch:
        """Tensors on the model's device, floating ones in its dtype."""
        dtype = self.base.dtype
        tensors = {name: value for name, value in inputs.items() if isinstance(value, Tensor)}
        return {
            name: value.to(self.base.device, dtype if value.is_floating_point() else None)
            for name, value in tensors.items()
        }


class CausalModel(HuggingFaceModel):
    """A model that reads images and question in one sequence with the answer behind."""

    _answer_type: ClassVar[int] = 0
    """What rows beside the token ids, such as `token_type_ids`, hold for an answer's tokens."""

    @abstractmethod
    def questions(self, samples: Sequence[Sample]) -> Batch:
        """The processor's output, with padding on the left."""

    def training_batch(self, samples: Sequence[Sample]) -> Batch:
        """See HuggingFaceModel; padding is on the right, and known by its position."""
        batch = self.questions(samples)
        is_read = batch["attention_mask"].bool()
        answers = [torch.tensor(self.answer_tokens(sample), device=is_read.device) for sample in samples]
        rows: dict[str, list[Tensor]] = {"labels": []}
        for name in [name for name, value in batch.items() if value.shape == is_read.shape]:
            rows[name] = []
            for row, mask, answer in zip(batch[name], is_read, answers, strict=True):
                rows[name].append(torch.cat([row[mask], self._beside(name, answer)]))
        for question, answer in zip(rows["input_ids"], answers, strict=True):
            ignored = torch.full((len(question) - len(answer),), IGNORED, device=answer.device)
            rows["labels"].append(torch.cat([ignored, answer]))
        fill = {"labels": IGNORED, "input_ids": self.pad}
        padded = {name: _filled(values, fill.get(name, 0)) for name, values in rows.items()}
        return {**batch, **padded}

    def _beside(self, name: str, answer: Tensor) -> Tensor:
        if name == "input_ids":
            return answer
        return torch.full_like(answer, 1 if name == "attention_mask" else self._answer_type)

    def _generated(self, samples: Sequence[Sample]) -> Tensor:
        batch = self.questions(samples)
        return self._generate(batch, batch["input_ids"].shape[1])


def _filled(rows: Sequence[Tensor], value: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)


def picture(image: NDArray[np.uint8]) -> Image.Image:
    """An image (H, W) as the RGB picture that processors take."""
    return Image.fromarray(image).convert("RGB")
