"""Adapters: what is trained, what is saved, and what peft reads."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from llmseg.errors import ConfigError, UserError
from llmseg.language import adapters
from llmseg.language.adapters import (
    Adapter,
    add_adapter,
    merged,
    quantisation,
    save_adapter,
)

IDS = torch.arange(12)[None]


def language_model() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, num_key_value_heads=2, **sizes)).eval()


def changed(model: Any) -> Any:
    """Adapters begin with no effect; here they get one, and their dropout, which is on at first, ends."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    return model.eval()


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def test_all_linear_layers_but_the_head() -> None:
    model = add_adapter(language_model(), Adapter(rank=3))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    # rank x (in + out) of q, k, v, o, gate, up, down of two layers
    layers = [(32, 32), (32, 16), (32, 16), (32, 32), (32, 64), (32, 64), (64, 32)]
    assert sum(p.numel() for p in trained.values()) == 2 * 3 * sum(a + b for a, b in layers)
    assert not any("lm_head" in name for name in trained)


def test_named_layers_only() -> None:
    model = add_adapter(language_model(), Adapter(rank=3, targets=["q_proj", "v_proj"]))
    assert sum(p.requires_grad for p in model.parameters()) == 2 * 2 * 2
    with pytest.raises(ConfigError, match="no linear layer query; there are"):
        add_adapter(language_model(), Adapter(targets=["query"]))


def test_peft_reads_what_is_saved(tmp_path: Path) -> None:
    model = changed(add_adapter(language_model(), Adapter(rank=2)))
    save_adapter(model, tmp_path)
    assert (tmp_path / "adapter_config.json").is_file()
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    assert (tmp_path / "adapter_model.safetensors").stat().st_size < 4 * frozen
    read = PeftModel.from_pretrained(language_model(), tmp_path).eval()
    assert torch.equal(logits(read), logits(model))


def test_merged_is_a_plain_model_that_writes_the_same() -> None:
    model = changed(add_adapter(language_model(), Adapter(rank=2)))
    before = logits(model)
    plain = merged(model)
    assert isinstance(plain, LlamaForCausalLM)
    assert not any("lora" in name for name, _ in plain.named_parameters())
    assert torch.allclose(logits(plain), before, atol=1e-5)
    assert torch.equal(logits(model), before)
    assert hasattr(model, "peft_config")


def test_no_adapter() -> None:
    model = language_model().requires_grad_(False)
    assert add_adapter(model, Adapter("none")) is model
    for refused in (merged, lambda model: save_adapter(model, Path("nowhere"))):
        with pytest.raises(UserError, match="peft=none"):
            refused(model)


def test_qlora_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="qlora needs"):
        quantisation(Adapter("qlora"))
    monkeypatch.setattr(adapters.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(UserError, match="needs a CUDA device"):
        add_adapter(language_model(), Adapter("qlora"))
    assert quantisation(Adapter("lora")) is None


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"kind": "loar"}, "must be lora"),
        ({"rank": 0}, "rank must be"),
        ({"dropout": 1.0}, "dropout"),
        ({"apha": 3}, "peft.apha: no such key; must be alpha"),
    ],
)
def test_broken_nodes(node: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Adapter.of(node)
    assert Adapter.of(None).kind == "none"
