"""The LLMs' Dice formulas against values of their own code (computed once, see the docstring of `ORACLE`)."""

import numpy as np
import pytest
import torch

from llmseg.evaluation.llm_dice import LLM_DICE, formula_of, llm_dice

Z = np.linspace(-3, 3, 32).reshape(2, 1, 4, 4)
P = 1 / (1 + np.exp(-Z))
T = (np.arange(32) % 3 == 0).astype(float).reshape(Z.shape)
SECOND_EMPTY = T * np.array([1, 0]).reshape(2, 1, 1, 1)

ORACLE = {
    "claude4": (0.368304, 0.139053, 0.000009),
    "deepseek_r1": (0.238095, 0, 1),
    "gpt_o3": (0.238095, 0, 1),
    "gpt_o4_mini_high": (0.238095, 0, 1),
    "qwen3": (0.238095, 0, 1),
    "llama4": (0.238096, 0, 1),
    "deepseek_v3": (0.392857, 0.043478, 1),
    "grok3": (0.392857, 0.043478, 1),
    "gemini25": (0.370370, 0, 1),
    "grok3_mini": (0.370370, 0, 1),
    "mistral_medium3": (0.417595, 0.156549, 0.823607),
}
"""What the published scripts return for P with label T, with the second label emptied, and for p = .0067 with an empty
label (2 x 1 x 4 x 4 each)."""


@pytest.mark.parametrize("author", ORACLE)
def test_equals_the_authors_own_code(author: str) -> None:
    column = formula_of(author).column
    nothing = np.full_like(P, 1 / (1 + np.exp(5)))
    values = [llm_dice(P, T), llm_dice(P, SECOND_EMPTY), llm_dice(nothing, np.zeros_like(P))]
    # The middle hard values are about s / 6, which the source rounds to 0.
    assert [v[column] for v in values] == pytest.approx(ORACLE[author], abs=2e-6)


def test_gpt4_thresholds_raw_logits_at_one_half() -> None:
    logit = np.array([[0.4, 0.6, 2.0, -1.0]])
    probability, target = 1 / (1 + np.exp(-logit)), np.array([[1, 1, 1, 0]])
    values = llm_dice(probability, target)
    assert formula_of("gpt4").column == "dice_logit_batch_s1e-6"
    assert values["dice_logit_batch_s1e-6"] == pytest.approx(4 / 5, abs=1e-6)  # 0.4 is missed
    assert values["dice_hard_batch_s1e-6"] == pytest.approx(1)


def test_claude35_and_llama31_by_hand() -> None:
    probability = np.array([[0.5, 0.25], [0.0, 1.0]])
    target = np.array([[1, 0], [0, 1]])
    values = llm_dice(probability, target)
    assert values[formula_of("claude35").column] == pytest.approx((1 / 1.75 + 1) / 2, abs=1e-5)
    assert values[formula_of("llama31").column] == 2 / 3


def test_unsmoothed_empty_on_empty_is_one() -> None:
    zeros = np.zeros((3, 4, 4))
    assert llm_dice(zeros, zeros)["dice_hard_batch_s0"] == 1


def test_a_volume_is_a_batch_of_one() -> None:
    values = llm_dice(P[:1], T[:1])
    assert values["dice_soft_image_s1e-6"] == pytest.approx(
        2 * (P[0] * T[0]).sum() / (P[0].sum() + T[0].sum()), abs=1e-6
    )
    assert values["dice_hard_image_s1e-6"] == values["dice_hard_batch_s1e-6"]


def test_torch_equals_numpy() -> None:
    assert llm_dice(torch.from_numpy(P), torch.from_numpy(T).to(torch.uint8)) == llm_dice(P, T)


def test_every_author_has_one_formula() -> None:
    authors = [author for names in LLM_DICE.values() for author in names]
    assert len(authors) == len(set(authors)) == 8 + 11 + 2
    assert len(llm_dice(P, T)) == len(LLM_DICE)
    with pytest.raises(KeyError):
        formula_of("nobody")


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        llm_dice(P, T[:1])
