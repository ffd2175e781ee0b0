"""The Dice variants that the LLMs themselves wrote, as extra columns beside the common Dice.

Each LLM reported its network with a Dice of its own: thresholded (hard) or not (soft), over the whole batch or as the
mean over its images, with a smoothing term s in (2 * overlap + s) / (prediction + label + s). The variants rank the
same predictions differently; an empty label, for instance, scores 1 with a hard and about 0 with a soft Dice. They are
reported to compare with published tables, never to choose or rank.

A column is called `dice_<hard|soft|logit>_<batch|image>_s<smooth>`. `logit` is GPT-4's slip: it thresholds raw logits
at 0.5, that is, probabilities at 0.6225. The batch is here the stack of slices of a case, since batches of unrelated
images, which the LLMs used, depend on the order of the files.
"""

from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
THRESHOLDS = {"hard": 0.5, "logit": 1 / (1 + exp(-0.5))}


@dataclass(frozen=True)
class DiceFormula:
    """One way to compute a Dice.

    Attributes:
        kind: hard (probability > 0.5), logit (probability > 0.6225) or soft (no threshold).
        over: batch (one sum over all images) or image (one Dice an image, then their mean).
        smooth: the smoothing term, added to numerator and denominator.
    """

    kind: Literal["hard", "soft", "logit"]
    over: Literal["batch", "image"]
    smooth: float

    @property
    def column(self) -> str:
        """Name of the formula's column in `cases.csv`, e.g. `dice_soft_batch_s1` or `dice_hard_image_s1e-6`."""
        smooth = f"{self.smooth:g}".replace("e-0", "e-")
        return f"dice_{self.kind}_{self.over}_s{smooth}"

    def __call__(self, probability: FloatArray, target: FloatArray) -> float:
        """Dice of probabilities and 0/1 targets, both (S, V); an unsmoothed 0/0 is 1, as its author meant it to be."""
        if self.kind != "soft":
            probability = (probability > THRESHOLDS[self.kind]).astype(np.float64)
        axis = 1 if self.over == "image" else None
        numerator = 2 * (probability * target).sum(axis=axis) + self.smooth
        denominator = probability.sum(axis=axis) + target.sum(axis=axis) + self.smooth
        ratio = np.divide(numerator, denominator, out=np.ones_like(denominator), where=np.asarray(denominator > 0))
        return float(np.mean(ratio))


LLM_DICE: dict[DiceFormula, tuple[str, ...]] = {
    DiceFormula("logit", "batch", 1e-6): ("gpt4",),
    DiceFormula("hard", "batch", 1e-6): ("gpt4o", "gpt_o1", "gemini25", "grok3_mini"),
    DiceFormula("hard", "batch", 1.0): ("gemini15", "deepseek_v3", "grok3"),
    DiceFormula("hard", "batch", 0.0): ("llama31",),
    DiceFormula("hard", "image", 1e-7): ("gpt_o3",),
    DiceFormula("hard", "image", 1e-6): ("gpt_o4_mini_high", "deepseek_r1", "qwen3", "qwen3_nothink"),
    DiceFormula("hard", "image", 1e-5): ("llama4", "llama4_published"),
    DiceFormula("soft", "image", 1e-5): ("claude35",),
    DiceFormula("soft", "image", 1e-6): ("claude4",),
    DiceFormula("soft", "batch", 1.0): ("copilot", "bing_copilot", "mistral_medium3"),
}
"""Each formula with the authors (names of `conf/model/`) whose test script reports it."""


def formula_of(author: str) -> DiceFormula:
    """The formula that an author's own test script reports.

    Raises:
        KeyError: no author of that name.
    """
    for formula, authors in LLM_DICE.items():
        if author in authors:
            return formula
    raise KeyError(author)


def llm_dice(probability: ArrayLike, target: ArrayLike) -> dict[str, float]:
    """Every LLM's Dice for one class of one case.

    Args:
        probability: foreground probabilities, shape (S, ...): the S slices of a case, or S = 1 for a volume that the
            network segments as a whole. NumPy array or CPU tensor.
        target: 0/1 label of the same shape.

    Returns:
        Column name -> Dice, one for each formula of `LLM_DICE`.

    Raises:
        ValueError: the shapes differ.
    """
    p, t = np.asarray(probability, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if p.shape != t.shape:
        raise ValueError(f"probability {p.shape} and target {t.shape} differ in shape")
    p, t = p.reshape(len(p), -1), t.reshape(len(t), -1)
    return {formula.column: formula(p, t) for formula in LLM_DICE}
