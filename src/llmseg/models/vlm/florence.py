"""`vlm=florence2`: one picture a sample, made of its sequences; an encoder and a decoder."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from llmseg.data.boxes.sample import Box, Boxes, Sample, Size
from llmseg.errors import ConfigError
from llmseg.language.codecs import Codec, Decoded
from llmseg.language.tokens import IGNORED
from llmseg.models.vlm.huggingface import Batch, HuggingFaceModel

_LAYOUTS = {"rgb": 3, "mosaic": 4}


class Florence2(HuggingFaceModel):
    """Florence-2 (Xiao et al., 2024, arXiv:2311.06242).

    Args:
        pretrained: see HuggingFaceModel, also for what is not explained here.
        prompt: a task of Florence-2's with what is looked for, or any text.
        codec: florence, which the checkpoints know; any other can be learned.
        label: see there.
        constrained: see there.
        max_new_tokens: see there.
        layout: rgb: up to three sequences, one a colour; mosaic: up to four, two by two, at half the resolution. Boxes
            of a mosaic are written for its first tile, and read in any.
        sequences: which, in order; a missing one is black. None: the first ones of the sample's record. A sample of
            one sequence is grey in rgb.
        dtype: see there.
        adapter: see there.

    Raises:
        ConfigError: see there; or more sequences than the layout has room for.
        UserError: see there.
    """

    architecture: ClassVar[str] = "Florence2ForConditionalGeneration"

    def __init__(
        self,
        *,
        pretrained: str,
        prompt: str,
        codec: str = "florence",
        label: str = "tumour",
        constrained: bool = False,
        max_new_tokens: int = 64,
        layout: str = "rgb",
        sequences: Sequence[str] | None = None,
        dtype: str = "float32",
        adapter: Mapping[str, Any] | None = None,
    ) -> None:
        if layout not in _LAYOUTS:
            raise ConfigError(f"vlm.layout={layout}: must be {' | '.join(_LAYOUTS)}")
        if sequences is not None and not 1 <= len(sequences) <= _LAYOUTS[layout]:
            raise ConfigError(f"vlm.sequences: {layout} has room for {_LAYOUTS[layout]}, not {len(sequences)}")
        super().__init__(
            pretrained=pretrained,
            prompt=prompt,
            codec=codec,
            label=label,
            constrained=constrained,
            max_new_tokens=max_new_tokens,
            dtype=dtype,
            adapter=adapter,
        )
        self.layout = layout
        self.sequences = None if sequences is None else tuple(sequences)
        self.tokenizer.padding_side = "right"
        if layout == "mosaic":
            self.codec = MosaicCodec(self.codec)

    def picture(self, sample: Sample) -> Image.Image:
        """The sequences as one picture: (H, W), or (2 H, 2 W) for a mosaic.

        Raises:
            ConfigError: the sample has none of the sequences.
        """
        room = _LAYOUTS[self.layout]
        names = list(self.sequences or sample.record.images)[:room]
        if not any(name in sample.images for name in names):
            raise ConfigError(f"vlm.sequences: case {sample.record.case} has none of {', '.join(names)}")
        width, height = sample.size
        black = np.zeros((height, width), np.uint8)
        parts = [sample.images.get(name, black) for name in names]
        if self.layout == "rgb":
            parts = parts * room if len(parts) == 1 else parts + [black] * (room - len(parts))
            return Image.fromarray(np.stack(parts, axis=-1))
        parts += [black] * (room - len(parts))
        return Image.fromarray(np.block([parts[:2], parts[2:]])).convert("RGB")

    def training_batch(self, samples: Sequence[Sample]) -> Batch:
        """See HuggingFaceModel; as in generation the decoder is given its two first tokens, which do not count."""
        batch = self._questions(samples)
        answers = [self.answer_tokens(sample) for sample in samples]
        longest = max(map(len, answers)) + 1
        labels = torch.full((len(samples), longest), IGNORED)
        inputs = torch.full((len(samples), longest), self.pad)
        for row, answer in enumerate(answers):
            inputs[row, : len(answer) + 1] = torch.tensor([*self._begin, *answer[:-1]])
            labels[row, 1 : len(answer) + 1] = torch.tensor(answer)
        return {**batch, **self._placed({"decoder_input_ids": inputs, "labels": labels})}

    def _generated(self, samples: Sequence[Sample]) -> Tensor:
        begin = torch.tensor([self._begin] * len(samples), device=self.base.device)
        return self._generate({**self._questions(samples), "decoder_input_ids": begin}, begin.shape[1])

    @property
    def _begin(self) -> list[int]:
        text = self.base.config.get_text_config()
        return [int(text.decoder_start_token_id), int(self.tokenizer.bos_token_id)]

    def _questions(self, samples: Sequence[Sample]) -> Batch:
        processor = self.processor.image_processor
        # a checkpoint's processor may crop, which would move the boxes
        side = dict(processor.size)
        width = side.get("width") or dict(processor.crop_size or side).get("width") or side["shortest_edge"]
        inputs = self.processor(
            text=[self.prompt] * len(samples),
            images=[self.picture(sample) for sample in samples],
            padding=True,
            return_tensors="pt",
            size={"height": side.get("height") or width, "width": width},
            do_center_crop=False,
        )
        return self._placed(inputs)


class MosaicCodec(Codec):
    """A dialect whose picture is a mosaic of two by two images; all of them show the same slice.

    Args:
        codec: the dialect.
    """

    name: ClassVar[str] = "mosaic"

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """Boxes on the first tile."""
        return self.codec.encode(boxes, _doubled(size), seen and _doubled(seen))

    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """Boxes on the tile that holds their centre, clipped to it; each place counts once."""
        decoded = self.codec.decode(text, _doubled(size), seen and _doubled(seen))
        boxes: Boxes = tuple(dict.fromkeys(_on_tile(box, size) for box in decoded.boxes))
        return Decoded(boxes, decoded.reason)

    def grammar(self) -> str | None:
        """That of the dialect."""
        return self.codec.grammar()


def _doubled(size: Size) -> Size:
    return 2 * size[0], 2 * size[1]


def _on_tile(box: Box, size: Size) -> Box:
    """A box of the mosaic moved to the first tile."""
    width, height = size
    left = width if box.x1 + box.x2 > 2 * width else 0
    top = height if box.y1 + box.y2 > 2 * height else 0
    return Box(
        max(box.x1 - left, 0.0),
        max(box.y1 - top, 0.0),
        min(box.x2 - left, float(width)),
        min(box.y2 - top, float(height)),
    )
