"""What every vision-language model offers the training method."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from llmseg.data.boxes.sample import Boxes, Sample, Size
from llmseg.language.codecs.base import Codec, Decoded


class BoxModel(nn.Module):
    """Slices in, boxes out.

    Weights that are trained have `requires_grad`; all others are as they were loaded, and are not saved with a run.
    """

    @abstractmethod
    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """Scalar to be made smaller, a mean over the samples."""

    @abstractmethod
    def boxes(self, samples: Sequence[Sample]) -> list[Boxes]:
        """The boxes found on each sample, in pixels."""


class VisionLanguageModel(BoxModel):
    """Several images of a slice in, a text with boxes out.

    The loss is the mean cross-entropy over the tokens of the answers, end-of-text token included; prompts do not count.

    Attributes:
        codec: how it writes boxes.
        prompt: the question, with a place for each image where the model takes several.
    """

    codec: Codec
    prompt: str

    @abstractmethod
    def answer(self, samples: Sequence[Sample]) -> list[str]:
        """What it writes for each sample, decoded greedily."""

    def seen(self, sample: Sample) -> Size:
        """Width and height of the images as the model sees them, for codecs that count in those pixels."""
        return sample.size

    def read(self, samples: Sequence[Sample]) -> list[tuple[str, Decoded]]:
        """What it writes for each sample, and what that means."""
        texts = self.answer(samples)
        return [
            (text, self.codec.decode(text, sample.size, self.seen(sample)))
            for text, sample in zip(texts, samples, strict=True)
        ]

    def boxes(self, samples: Sequence[Sample]) -> list[Boxes]:
        """See BoxModel; none where the text could not be read."""
        return [decoded.boxes for _, decoded in self.read(samples)]
