"""Constrained decoding: any scores give an answer that can be read, and an end."""

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import PrefixConstrainedLogitsProcessor, PreTrainedTokenizerFast

from llmseg.data.boxes.sample import Box
from llmseg.errors import ConfigError, UserError
from llmseg.language.automaton import Automaton
from llmseg.language.codecs import CODECS, get
from llmseg.language.grammar import Constraint, TokenGrammar, constraint

PATTERNS = [*(get(name).grammar() or "" for name in CODECS), r"a(b|cd){2,3}\{?[x-z3]\d{1,2}", "(a|ab)(c|bcd)?d{0,1}"]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_automaton_agrees_with_re(pattern: str, data: st.DataObject) -> None:
    automaton = Automaton(pattern)
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")))
    if data.draw(st.booleans()):  # one character wrong, missing or too many
        at = data.draw(st.integers(0, len(text)))
        new = data.draw(st.sampled_from(["", *sorted(automaton.alphabet)]))
        text = text[:at] + new + text[at + data.draw(st.integers(0, 1)) :]
    state = automaton.walk(automaton.start, text)
    assert (state is not None and automaton.accepts(state)) == bool(re.fullmatch(pattern, text))


@pytest.mark.parametrize("pattern", ["(a", "a)", "a{", "a{2", "a{3,1}", "a{0}", "[ab", "a*", "\\"])
def test_broken_patterns(pattern: str) -> None:
    with pytest.raises(ConfigError, match="grammar"):
        Automaton(pattern)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Byte-level BPE, as of SmolLM2 and Qwen."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer, bpe.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    texts = [get(name).encode([Box(3, 11, 77, 88)] * 2, (100, 100)) for name in CODECS]
    trainer = BpeTrainer(vocab_size=420, initial_alphabet=ByteLevel.alphabet(), special_tokens=["<end>"])
    bpe.train_from_iterator([*texts, "none of them", *texts], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<end>")
    fast.add_tokens([f"<loc_{i}>" for i in range(1000)])
    assert len(fast) > 1256  # something was merged
    return fast


def write(grammar: TokenGrammar, vocabulary: int, most: int, seed: int, prompt: int = 3) -> list[int]:
    """What greedy decoding of random scores writes."""
    generator = torch.Generator().manual_seed(seed)
    processor = PrefixConstrainedLogitsProcessor(Constraint(grammar, prompt, most), num_beams=1)
    ids = torch.zeros(1, prompt, dtype=torch.long)
    for _ in range(most):
        scores = processor(ids, torch.randn(1, vocabulary, generator=generator))
        ids = torch.cat([ids, scores.argmax(dim=-1, keepdim=True)], dim=1)
        if ids[0, -1] == grammar.eos:
            break
    return ids[0, prompt:].tolist()


@pytest.mark.parametrize("name", CODECS)
def test_random_scores_give_boxes(name: str, tokenizer: Any) -> None:
    codec = get(name)
    grammar = TokenGrammar(codec.grammar() or "", tokenizer, tokenizer.eos_token_id)
    found = set()
    for seed in range(16):
        most = [grammar.shortest, 30, 60, 400][seed % 4]
        ids = write(grammar, len(tokenizer), max(most, grammar.shortest), seed)
        assert ids[-1] == grammar.eos
        text = tokenizer.decode(ids[:-1])
        assert re.fullmatch(codec.grammar() or "", text)
        found |= {"none" if text in ("none", "[]") else "box"}
        decoded = codec.decode(text, (240, 240))
        assert decoded.reason is None or "before its first" in decoded.reason or "outside" in decoded.reason
    assert found == {"none", "box"}


def test_location_tokens_are_taken_whole(tokenizer: Any) -> None:
    grammar = TokenGrammar("(<loc_\\d{1,3}>){4}", tokenizer, tokenizer.eos_token_id)
    assert grammar.shortest == 5
    ids = write(grammar, len(tokenizer), 5, 0)
    assert len(ids) == 5
    assert all(id_ >= len(tokenizer) - 1000 for id_ in ids[:4])


def test_what_cannot_be_written(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="no tokens"):
        TokenGrammar("<loc_1>\u0394{2}\U0001f9e0", tokenizer, tokenizer.eos_token_id)
    grammar = TokenGrammar("abc", tokenizer, tokenizer.eos_token_id)
    with pytest.raises(ConfigError, match="max_new_tokens=1"):
        Constraint(grammar, most=1)


def test_nothing_but_the_end_follows_the_end(tokenizer: Any) -> None:
    eos = tokenizer.eos_token_id
    limit = constraint(get("minigpt"), tokenizer)
    assert limit(0, torch.tensor([*tokenizer.encode("none"), eos])) == [eos]
    assert limit(0, torch.tensor(tokenizer.encode("none"))) == [eos]
    assert eos not in limit(0, torch.tensor(tokenizer.encode("{<1")))
