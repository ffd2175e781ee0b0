"""`vlm=paligemma`: images first, the question behind them."""

from collections.abc import Sequence
from typing import ClassVar

from llmseg.data.boxes.sample import Sample
from llmseg.models.vlm.huggingface import Batch, CausalModel, picture

_IMAGE = "<image>"


class PaliGemma(CausalModel):
    """PaliGemma and PaliGemma 2 (Beyer et al., 2024, arXiv:2407.07726).

    Images of the side that the checkpoint was trained with, one after the other in the sample's order, then the prompt,
    which has no placeholders. They and the prompt see each other in both directions, the answer only what is before it.
    """

    architecture: ClassVar[str] = "PaliGemmaForConditionalGeneration"
    _answer_type: ClassVar[int] = 1

    def questions(self, samples: Sequence[Sample]) -> Batch:
        """See CausalModel."""
        self.tokenizer.padding_side = "left"
        texts = [_IMAGE * len(sample.images) + self.prompt for sample in samples]
        images = [[picture(image) for image in sample.images.values()] for sample in samples]
        batch = self._placed(self.processor(text=texts, images=images, padding=True, return_tensors="pt"))
        return {name: value for name, value in batch.items() if name != "labels"}
