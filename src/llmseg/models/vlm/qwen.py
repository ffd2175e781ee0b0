"""`vlm=qwen3_vl` and `vlm=qwen2_5_vl`: Qwen's models, which take several images natively."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from PIL import Image

from llmseg.data.boxes.sample import Sample, Size
from llmseg.errors import UserError
from llmseg.language import prompts
from llmseg.models.vlm.huggingface import Batch, CausalModel, picture
from llmseg.models.vlm.pretrained import KEY


class QwenVL(CausalModel):
    """A Qwen vision-language model; the images stand in the chat's question where the prompt has its placeholders.

    Args:
        pretrained: see HuggingFaceModel, also for what is not explained here.
        prompt: see `llmseg.language.prompts`.
        codec: qwen3 or qwen2_5, which the checkpoints know; any other can be learned.
        label: see there.
        constrained: see there.
        max_new_tokens: see there.
        image_size: longer side to which images are scaled before the processor makes its patches of them; None: as
            they are.
        sequences: of the data set, in order; they number the images. None: those of the sample's record.
        dtype: see there.
        adapter: see there.

    Raises:
        ConfigError: see there; or a prompt without places for images.
        UserError: see there; or a checkpoint without chat template.
    """

    def __init__(
        self,
        *,
        pretrained: str,
        prompt: str,
        codec: str,
        label: str = "tumour",
        constrained: bool = False,
        max_new_tokens: int = 128,
        image_size: int | None = None,
        sequences: Sequence[str] | None = None,
        dtype: str = "float32",
        adapter: Mapping[str, Any] | None = None,
    ) -> None:
        places = max(prompt.count(prompts.PLACE), 1)
        prompts.segments(prompt, range(1, places + 1))
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
        if not getattr(self.processor, "chat_template", None):
            raise UserError(f"{KEY}={pretrained}: has no chat template; name a checkpoint whose name ends in Instruct")
        self.image_size = image_size
        self.sequences = None if sequences is None else tuple(sequences)
        self.tokenizer.padding_side = "left"

    def questions(self, samples: Sequence[Sample]) -> Batch:
        """See CausalModel."""
        chats = [[{"role": "user", "content": self._content(sample)}] for sample in samples]
        texts = [self.processor.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
        images = [self._scaled(picture(image)) for sample in samples for image in sample.images.values()]
        return self._placed(self.processor(text=texts, images=images, padding=True, return_tensors="pt"))

    def seen(self, sample: Sample) -> Size:
        """Width and height after the processor's resize, of the images in whose pixels Qwen2.5-VL counts."""
        from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

        width, height = self._scaled_size(sample.size)
        processor = self.processor.image_processor
        rows, columns = smart_resize(
            height,
            width,
            factor=processor.patch_size * processor.merge_size,
            min_pixels=processor.size["shortest_edge"],
            max_pixels=processor.size["longest_edge"],
        )
        return columns, rows

    def _content(self, sample: Sample) -> list[dict[str, str]]:
        """The chat's question: texts and images in turn."""
        known = list(self.sequences or sample.record.images)
        known += [name for name in sample.images if name not in known]
        texts = prompts.segments(self.prompt, [known.index(name) + 1 for name in sample.images])
        content = [{"type": "text", "text": texts[0]}]
        for text in texts[1:]:
            content += [{"type": "image"}, {"type": "text", "text": text}]
        return [part for part in content if part.get("text") != ""]

    def _scaled_size(self, size: Size) -> Size:
        if self.image_size is None:
            return size
        scale = self.image_size / max(size)
        return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)

    def _scaled(self, image: Image.Image) -> Image.Image:
        size = self._scaled_size(image.size)
        return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


class Qwen3VL(QwenVL):
    """Qwen3-VL (Bai et al., 2025, arXiv:2511.21631)."""

    architecture: ClassVar[str] = "Qwen3VLForConditionalGeneration"


class Qwen25VL(QwenVL):
    """Qwen2.5-VL (Bai et al., 2025, arXiv:2502.13923)."""

    architecture: ClassVar[str] = "Qwen2_5_VLForConditionalGeneration"
