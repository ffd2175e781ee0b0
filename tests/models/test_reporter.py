"""A language model that writes reports, on one of a few thousand weights."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertLMHeadModel,
    BloomConfig,
    BloomForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, UserError
from llmseg.language.causal import base_of
from llmseg.language.tokens import IGNORED
from llmseg.language.writing import Generation
from llmseg.models.reporter import Reporter
from tests.language.make_lm import tiny_lm

PROMPT = {"name": "plain", "text": "{input}=", "stop": ["#"]}
REPORTS = (
    Report("a", "ab", "No acute disease.", line=1),
    Report("b", "a longer input", "Yes.", line=2),
    Report("c", "c", "Effusion on the left.", line=3),
)
Make = Callable[..., Reporter]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    folder = tiny_lm(tmp_path / "lm")

    def build(**settings: Any) -> Reporter:
        torch.manual_seed(0)
        return Reporter(**{"pretrained": str(folder), "prompt": PROMPT, "max_length": 128, **settings})

    return build


def test_the_loss_is_that_of_transformers_with_the_question_masked(make: Make, tmp_path: Path) -> None:
    writer = make().eval()
    reference = AutoModelForCausalLM.from_pretrained(tmp_path / "lm").eval()
    total, count = 0.0, 0
    for report in REPORTS:  # one by one, without any filling
        question, answer = (
            writer.tokenizer(text, add_special_tokens=False).input_ids
            for text in (f"{report.input}=", report.output or "")
        )
        answer = [*answer, writer.tokenizer.eos_token_id]
        ids = torch.tensor([question + answer])
        labels = torch.tensor([[IGNORED] * len(question) + answer])
        total += reference(input_ids=ids, labels=labels).loss.item() * len(answer)
        count += len(answer)
    assert writer.loss(REPORTS).item() == pytest.approx(total / count, rel=1e-5)


def test_packed_reports_have_the_same_loss_and_gradient(make: Make) -> None:
    found = []
    for packing in (False, True):
        writer = make(packing=packing)
        loss = writer.loss(REPORTS)
        loss.backward()
        gradient = base_of(writer.lm).get_input_embeddings().weight.grad
        assert gradient is not None
        found.append((loss.detach(), gradient))
    assert len(make(packing=True).rows(REPORTS).input_ids) == 1
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_the_whole_text_counts_where_it_is_asked_for(make: Make) -> None:
    rows = make(whole_text=True).rows(REPORTS[:1])
    assert (rows.labels[0] != IGNORED).sum() == rows.attention_mask.sum() - 1
    answer = make().rows(REPORTS[:1]).labels[0]
    assert (answer != IGNORED).sum() == len("No acute disease.") + 1
    assert answer[-1] == make().tokenizer.eos_token_id


def test_batched_answers_are_those_of_each_alone(make: Make) -> None:
    writer = make().eval()
    how = Generation(max_new_tokens=12, batch_size=2)
    together = dict(writer.write(REPORTS, how))
    for index, report in enumerate(REPORTS):
        assert dict(writer.write([report], how))[0] == together[index]


def test_greedy_writing_takes_the_likeliest_token(make: Make) -> None:
    writer = make().eval()
    ids = writer.tokenizer("ab=", add_special_tokens=False, return_tensors="pt").input_ids
    with torch.no_grad():
        for _ in range(8):
            ids = torch.cat([ids, base_of(writer.lm)(ids).logits[:, -1:].argmax(-1)], dim=1)
    expected = writer.tokenizer.decode(ids[0, 3:], skip_special_tokens=True)
    ((_, written),) = writer.write(REPORTS[:1], Generation(max_new_tokens=8))
    assert written.text == writer.template.cleaned(expected)


def test_sampling_depends_on_its_seed_alone(make: Make) -> None:
    writer = make().eval()
    how = Generation(max_new_tokens=12, do_sample=True, temperature=1.5)
    first = list(writer.write(REPORTS, how))
    state = torch.get_rng_state()
    assert list(writer.write(REPORTS, how)) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert list(writer.write(REPORTS, replace(how, seed=1))) != first


def test_it_learns_two_reports_by_heart_and_stops(make: Make) -> None:
    writer = make().train()
    optimizer = torch.optim.AdamW(writer.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        writer.loss(REPORTS[:2]).backward()
        optimizer.step()
    answers = dict(writer.eval().write(REPORTS[:2], Generation(max_new_tokens=64)))
    assert [answers[index].text for index in range(2)] == [report.output for report in REPORTS[:2]]
    assert not any(answer.is_cut for answer in answers.values())
    assert dict(writer.write(REPORTS[:1], Generation(max_new_tokens=3)))[0].is_cut


def test_too_long_reports_are_dropped_or_cut(make: Make) -> None:
    long = Report("d", "x" * 200, "Yes.", line=4)
    writer = make(max_length=40)
    assert not writer.fits(long)
    assert writer.fits(REPORTS[0])
    with pytest.raises(UserError, match="line 4, report d: longer than 40 tokens"):
        writer.loss([long])
    cutting = make(max_length=40, too_long="cut")
    example = cutting.example(long)
    assert example is not None
    assert len(example.ids) <= 40
    assert cutting.tokenizer.decode(example.ids[example.start :]) == "Yes.</s>"
    assert cutting.tokenizer.decode(example.ids[: example.start]).endswith("x=")


def test_what_does_not_fit_even_when_cut_is_left_out(make: Make) -> None:
    writer = make(max_length=20, too_long="cut")
    assert not writer.fits(Report("e", "x", "an answer that is longer than all", line=5))
    assert writer.example(Report("e", "x", "an answer that is longer than all", line=5)) is None


def test_sampled_answers_do_not_depend_on_the_batch(make: Make) -> None:
    writer = make().eval()
    how = Generation(max_new_tokens=12, do_sample=True, temperature=1.5)
    together = dict(writer.write(REPORTS, how))
    assert dict(writer.write(REPORTS[1:], replace(how, batch_size=1))) == {0: together[1], 1: together[2]}


def test_an_end_token_of_the_tokenizer_is_not_put_before_the_answer(make: Make) -> None:
    writer = make()
    backend = writer.tokenizer.backend_tokenizer
    backend.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    example = writer.example(REPORTS[0])
    assert example is not None
    assert writer.tokenizer.decode(example.ids) == "<s>ab=No acute disease.</s>"


def test_packing_where_a_state_or_a_window_goes_by_places_is_refused(tmp_path: Path, make: Make) -> None:
    make()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = MistralConfig(
        vocab_size=98, num_key_value_heads=2, sliding_window=16, max_position_embeddings=512, **sizes
    )
    MistralForCausalLM(config).save_pretrained(tmp_path / "lm")
    with pytest.raises(ConfigError, match=r"data.packing=true: MistralForCausalLM cannot keep packed reports apart"):
        make(packing=True)
    assert make(packing=True, max_length=16).packing


def test_bloom_learns_and_cannot_be_packed(tmp_path: Path, make: Make) -> None:
    make()
    config = BloomConfig(vocab_size=98, hidden_size=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1)
    BloomForCausalLM(config).save_pretrained(tmp_path / "lm")
    writer = make()
    writer.loss(REPORTS).backward()
    how = Generation(max_new_tokens=6, batch_size=3)
    together = dict(writer.eval().write(REPORTS, how))
    assert [dict(writer.write([report], how))[0] for report in REPORTS] == [together[index] for index in range(3)]
    with pytest.raises(ConfigError, match=r"data.packing=true"):
        make(packing=True)


def test_an_encoder_is_no_writer(tmp_path: Path, make: Make) -> None:
    make()
    config = BertConfig(vocab_size=98, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    torch.manual_seed(0)
    BertLMHeadModel(config).save_pretrained(tmp_path / "lm")
    with pytest.raises(ConfigError, match=r"llm.pretrained: BertLMHeadModel sees what comes later"):
        make()


def test_weights_that_hold_more_than_numbers_are_refused_in_one_line(tmp_path: Path, make: Make) -> None:
    make()
    (tmp_path / "lm" / "model.safetensors").unlink()
    with (tmp_path / "lm" / "pytorch_model.bin").open("wb") as file:
        pickle.dump({"weights": Path("x")}, file, protocol=2)
    with pytest.raises(UserError, match=r"^llm.pretrained=.*no language model there"):
        make()


def test_a_tied_head_takes_no_adapter(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"peft.targets: lm_head shares its weights"):
        make(adapter={"kind": "lora", "targets": ["q_proj", "lm_head"]})


def test_a_prompt_beyond_the_context_names_its_line(make: Make) -> None:
    with pytest.raises(UserError, match=r"line 4, report d: its prompt has 601 tokens, and the model"):
        list(make().write([Report("d", "x" * 600, line=4)], Generation()))


def test_an_adapter_alone_is_trained(make: Make) -> None:
    writer = make(adapter={"kind": "lora", "rank": 2})
    learning = {name for name, weights in writer.named_parameters() if weights.requires_grad}
    assert learning
    assert all("lora_" in name for name in learning)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_length": 1000}, "data.max_length=1000: the model reads 512"),
        ({"too_long": "keep"}, "data.too_long=keep"),
        ({"dtype": "float8"}, "llm.dtype=float8"),
        ({"prompt": {"name": "chat", "text": None}}, "no chat template"),
        ({"layers": 9}, "llm.layers=9"),
    ],
)
def test_settings_that_cannot_be(make: Make, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(**settings)


def test_no_model_there(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"llm\.pretrained"):
        make(pretrained=str(tmp_path / "empty"))


def test_without_a_question_the_first_token_counts_in_neither_layout(make: Make) -> None:
    reports = [replace(each, input="") for each in REPORTS]
    losses = [
        float(make(prompt={"name": "bare", "text": "{input}"}, packing=packing).eval().loss(reports).detach())
        for packing in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
