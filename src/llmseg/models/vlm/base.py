"""What every vision-language model offers the training method."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from llmseg.data.boxes.sample import Sample
from llmseg.language.codecs.base import Codec


class VisionLanguageModel(nn.Module):
    """Several images of a slice in, a text with boxes out.

    Weights that are trained have `requires_grad`; all others are as they were loaded, and are not saved with a run.

    Attributes:
        codec: how it writes boxes.
        prompt: the question, with one placeholder `<ImageHere>` an image where the model takes several.
    """

    codec: Codec
    prompt: str

    @abstractmethod
    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """Mean cross-entropy over the tokens of the answers, end-of-text token included; prompts do not count."""

    @abstractmethod
    def answer(self, samples: Sequence[Sample]) -> list[str]:
        """What it writes for each sample, decoded greedily."""

    def seen(self, sample: Sample) -> tuple[int, int]:
        """Width and height of the images as the model sees them, for codecs that count in those pixels."""
        return sample.size
