"""`vlm=compact`: a convolutional eye, one linear projection, and a small causal language model with an adapter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llmseg.data.boxes.sample import Sample
from llmseg.errors import ConfigError
from llmseg.language import codecs, prompts
from llmseg.language.adapters import Adapter, add_adapter
from llmseg.language.generation import greedy
from llmseg.language.grammar import constraint
from llmseg.language.lm import load
from llmseg.language.tokens import IGNORED
from llmseg.models.vlm.base import VisionLanguageModel
from llmseg.models.vlm.vision import VisionEncoder, pictures

_NARROW, _HIDDEN = 32, 512


class Compact(VisionLanguageModel):
    """MiniGPT-v2's plan (Chen et al., arXiv 2310.09478) at a size that a laptop trains, for several images a prompt.

    All sequences share the eye. Neighbouring visual tokens are joined by four, as MiniGPT-v2 joins them (a strip of the
    raster, concatenated along the channels), and projected into the language model's embedding space by one linear
    layer and a layer norm that gives them the size of word embeddings. Where ViT's tokens carry the position that they
    were given, a convolution's do not: sines and cosines of the row and column are concatenated to each before.

    Args:
        lm: smollm2, a folder, or a name on Hugging Face.
        layers: keep only so many of its blocks, the first ones; None: all.
        vision: arguments of `VisionEncoder`.
        adapter: arguments of `Adapter`, the low-rank weights on the language model; kind none: all its weights learn.
        sequences: of the data set, in order; they number the images.
        image_size: side to which images are resized for the eye.
        join: visual tokens that become one.
        summary: further tokens an image, which a perceptron makes of the whole map, as ClipCap's prefix (Mokady et al.,
            arXiv 2111.09734); 0: none.
        train_vision: the eye learns, too.
        codec: how boxes are written, see `llmseg.language.codecs`.
        label: what is looked for, in dialects that write it beside a box.
        prompt: see `llmseg.language.prompts`.
        constrained: only texts of the codec's grammar can be written.
        max_new_tokens: of an answer.
        cache: see `lm.load`.

    Raises:
        ConfigError: settings that do not fit together.
        UserError: the language model cannot be had.
    """

    _places: Tensor

    def __init__(
        self,
        *,
        lm: str,
        layers: int | None,
        vision: Mapping[str, Any],
        adapter: Mapping[str, Any],
        sequences: Sequence[str],
        image_size: int = 128,
        join: int = 4,
        summary: int = 4,
        train_vision: bool = True,
        codec: str = "minigpt",
        label: str = "tumour",
        prompt: str = prompts.ALL,
        constrained: bool = False,
        max_new_tokens: int = 48,
        cache: str = ".cache",
    ) -> None:
        super().__init__()
        self.codec = codecs.get(codec, label.replace("_", " "))
        self.prompt = prompt
        self.sequences = tuple(sequences)
        self.image_size, self.join, self.max_new_tokens = image_size, join, max_new_tokens
        prompts.segments(prompt, range(1, len(self.sequences) + 1))
        self.vision = VisionEncoder(**vision).learn(train_vision)
        depth = int(vision.get("depth", 4))
        self.side = image_size // 2**depth
        if image_size % 2**depth or self.side**2 % join:
            raise ConfigError(f"vlm.image_size={image_size}: must be a multiple of {2**depth}, with tokens in {join}s")
        self.tokenizer, model = load(lm, "vlm.lm", Path(cache).expanduser(), layers)
        model.generation_config = greedy(self._end, self._end)
        chosen = Adapter(**adapter)
        self.lm = add_adapter(model.requires_grad_(chosen.kind == "none"), chosen)
        width = int(model.config.hidden_size)
        places = positions(self.side)
        self.register_buffer("_places", places, persistent=False)
        scale = model.get_input_embeddings().weight.detach().square().mean().sqrt().item()
        self.project = nn.Linear(join * (self.vision.channels + places.shape[1]), width)
        self.summary = Summary(self.vision.channels, self.side, width, summary) if summary else None
        self.level = nn.LayerNorm(width)  # what is seen is as loud as words are, however fast the projection learns
        nn.init.constant_(self.level.weight, scale)
        self.train()
        self._limit = constraint(self.codec, self.tokenizer, most=max_new_tokens) if constrained else None

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.project.weight.device

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """See VisionLanguageModel; the head reads the answers' positions only."""
        questions = self._questions(samples)
        answers = [[*self._tokens(self.answer_text(sample)), self._end] for sample in samples]
        rows = [torch.cat([q, self._embed(a)]) for q, a in zip(questions, answers, strict=True)]
        labels = [[IGNORED] * len(q) + a for q, a in zip(questions, answers, strict=True)]
        embedded, mask = pad(rows, left=False)
        target = torch.full(mask.shape, IGNORED, device=self.device)
        for row, label in zip(target, labels, strict=True):
            row[: len(label)] = torch.tensor(label, device=self.device)
        base = self._base
        hidden = base.get_decoder()(inputs_embeds=embedded, attention_mask=mask, use_cache=False).last_hidden_state
        here = target[:, 1:] != IGNORED
        logits = base.get_output_embeddings()(hidden[:, :-1][here])
        return F.cross_entropy(logits.float(), target[:, 1:][here])

    @torch.no_grad()
    def answer(self, samples: Sequence[Sample]) -> list[str]:
        """See VisionLanguageModel."""
        embedded, mask = pad(self._questions(samples), left=True)
        written = self._base.generate(
            inputs_embeds=embedded,
            attention_mask=mask,
            max_new_tokens=self.max_new_tokens,
            prefix_allowed_tokens_fn=self._limit,
        )
        return [str(text) for text in self.tokenizer.batch_decode(written, skip_special_tokens=True)]

    def answer_text(self, sample: Sample) -> str:
        """What the model is to write, without the end-of-text token."""
        return self.codec.encode(sample.boxes, sample.size, self.seen(sample))

    @property
    def _base(self) -> Any:
        return self.lm.get_base_model() if hasattr(self.lm, "get_base_model") else self.lm

    @property
    def _end(self) -> int:
        return int(self.tokenizer.eos_token_id)

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def _embed(self, tokens: Sequence[int]) -> Tensor:
        ids = torch.tensor(tokens, dtype=torch.long, device=self.device)
        embedded: Tensor = self._base.get_input_embeddings()(ids)
        return embedded

    def _questions(self, samples: Sequence[Sample]) -> list[Tensor]:
        """Embedded prompts (T, D), the images' tokens in their places."""
        images = [image for sample in samples for image in sample.images.values()]
        seen = iter(self.look(pictures(images, self.image_size, self.device)))
        begin = [] if self.tokenizer.bos_token_id is None else [self.tokenizer.bos_token_id]
        questions = []
        for sample in samples:
            numbers = [self._number(name, sample) for name in sample.images]
            texts = prompts.segments(self.prompt, numbers)
            parts = [self._embed(begin + self._tokens(texts[0]))]
            for text in texts[1:]:
                parts += [next(seen), self._embed(self._tokens(text))]
            questions.append(torch.cat(parts))
        return questions

    def look(self, pictures: Tensor) -> Tensor:
        """Visual tokens (N, T, D) of pictures (N, 1, image_size, image_size), from 0 to 1."""
        maps = self.vision(pictures)
        places = self._places.to(maps.dtype).expand(len(maps), -1, -1, -1)
        tokens = torch.cat([maps, places], dim=1).flatten(2).transpose(1, 2)
        seen = self.project(tokens.reshape(len(maps), tokens.shape[1] // self.join, -1))
        if self.summary is not None:
            seen = torch.cat([seen, self.summary(maps)], dim=1)
        loud: Tensor = self.level(seen)
        return loud

    def _number(self, name: str, sample: Sample) -> int:
        if name not in self.sequences:
            raise ConfigError(
                f"case {sample.record.case}: sequence {name!r} is none of those trained with: {self.sequences}"
            )
        return self.sequences.index(name) + 1


class Summary(nn.Module):
    """A few tokens of a whole map, in which no place has to be looked for.

    Args:
        channels: C of the map.
        side: h and w of the map.
        width: D of a token.
        count: of the tokens.
    """

    def __init__(self, channels: int, side: int, width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.narrow = nn.Conv2d(channels, _NARROW, 1)
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Flatten(), nn.Linear(_NARROW * side**2, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, count * width)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, h, w) to tokens (N, count, D)."""
        tokens: Tensor = self.layers(self.narrow(maps))
        return tokens.unflatten(1, (self.count, -1))


def pad(rows: Sequence[Tensor], left: bool) -> tuple[Tensor, Tensor]:
    """Rows (T_i, D) as one tensor (N, T, D) filled with zeros, and the mask (N, T) of what is no filling."""
    longest = max(map(len, rows))
    embedded = rows[0].new_zeros(len(rows), longest, rows[0].shape[1])
    mask = torch.zeros(len(rows), longest, dtype=torch.long, device=embedded.device)
    for index, row in enumerate(rows):
        where = slice(longest - len(row), longest) if left else slice(0, len(row))
        embedded[index, where], mask[index, where] = row, 1
    return embedded, mask


def positions(side: int, frequencies: int = 4) -> Tensor:
    """Sines and cosines (1, 4 * frequencies, side, side) of row and column."""
    line = (torch.arange(side) + 0.5) / side
    waves = torch.pi * line[None] * 2.0 ** torch.arange(frequencies)[:, None]
    code = torch.cat([waves.sin(), waves.cos()])  # (2F, side)
    rows = code[:, :, None].expand(-1, -1, side)
    columns = code[:, None, :].expand(-1, side, -1)
    return torch.cat([rows, columns])[None]
