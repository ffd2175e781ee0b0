"""Splits as LLMs wrote them, against scikit-learn and torch themselves and against the published counts."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from sklearn.model_selection import train_test_split
from torch.utils.data import random_split

from llmseg.data.config import DataConfig, SplitConfig
from llmseg.data.datamodule import with_caution
from llmseg.data.split import Split, make_split
from llmseg.data.split_rules import BY_CASE
from llmseg.errors import ConfigError, DataError
from tests.data.make import cases, one_line, write_text
from tests.recipes import AUTHORS, composed

SIZES = (5002, 999, 5457, 73)
EIGHTY = ((4001, 500, 501), (799, 100, 100), (4365, 546, 546), (58, 7, 8))
COUNTS = dict.fromkeys(AUTHORS, EIGHTY) | {
    "gemini25": ((4000, 501, 501), (799, 100, 100), (4365, 546, 546), (57, 8, 8)),
    "mistral_medium3": ((3500, 501, 1001), (699, 100, 200), (3819, 546, 1092), (50, 8, 15)),
    "qwen3": ((3500, 501, 1001), (699, 100, 200), (3819, 546, 1092), (50, 8, 15)),
}
"""Training, validation and test images of each size, as published; two LLMs split with torch, see below."""

Parts = tuple[Sequence[int], Sequence[int], Sequence[int]]


def recipe(author: str) -> SplitConfig:
    return SplitConfig(**composed(f"as_published/{author}").data.split)


def divide(author: str, count: int) -> Parts:
    config = recipe(author)
    return BY_CASE[config.rule](count, config)


@pytest.mark.parametrize("author", [author for author in AUTHORS if author not in ("claude35", "llama31")])
def test_counts_are_the_published_ones(author: str) -> None:
    assert tuple(tuple(map(len, divide(author, size))) for size in SIZES) == COUNTS[author]


@pytest.mark.parametrize("size", SIZES)
def test_halves_are_those_of_scikit_learn(size: int) -> None:
    train, rest = train_test_split(range(size), test_size=0.2, random_state=42)
    val, test = train_test_split(rest, test_size=0.5, random_state=42)
    assert tuple(map(list, divide("gpt_o1", size))) == (train, val, test)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("author", "shares"), [("gemini25", (0.1, 1 / 9)), ("mistral_medium3", (0.2, 0.125))])
def test_test_images_drawn_first_are_those_of_scikit_learn(author: str, shares: tuple[float, float], size: int) -> None:
    rest, test = train_test_split(range(size), test_size=shares[0], random_state=42)
    train, val = train_test_split(rest, test_size=shares[1], random_state=42)
    assert tuple(map(list, divide(author, size))) == (train, val, test)


@pytest.mark.parametrize("size", SIZES)
def test_claude35_draws_twice_from_one_generator_of_torch(size: int) -> None:
    generator = torch.Generator().manual_seed(42)
    count = size * 9 // 10
    stay, test = random_split(range(size), [count, size - count], generator=generator)
    train = size * 8 // 10
    first, second = random_split(stay, [train, count - train], generator=generator)
    assert tuple(map(list, divide("claude35", size))) == (list(first), list(second), list(test))


@pytest.mark.parametrize("size", SIZES)
def test_llama31_draws_once_from_torch(size: int) -> None:
    train, val = size * 8 // 10, size // 10
    generator = torch.Generator().manual_seed(42)
    expected = random_split(range(size), [train, val, size - train - val], generator=generator)
    assert tuple(map(list, divide("llama31", size))) == tuple(map(list, expected))


def test_published_relations_between_the_splits() -> None:
    _, val, test = map(set, divide("gpt_o1", 5002))
    gemini_train, _, gemini_test = map(set, divide("gemini25", 5002))
    assert gemini_test <= val | test
    assert (len(gemini_test & val), len(gemini_test & test)) == (240, 261)
    assert len(test & gemini_train) == 207
    for author in ("mistral_medium3", "qwen3"):
        assert set(divide(author, 5002)[2]) == val | test


@pytest.mark.parametrize("rule", BY_CASE)
@pytest.mark.parametrize("size", [10, 37, 101])
def test_every_case_is_in_one_part(rule: str, size: int) -> None:
    train, val, test = BY_CASE[rule](size, SplitConfig(rule, test=0.2, val=0.25))
    assert sorted([*train, *val, *test]) == list(range(size))
    assert min(len(train), len(val), len(test)) > 0


@pytest.mark.parametrize("rule", BY_CASE)
def test_no_validation_or_test_part_where_none_is_wanted(rule: str) -> None:
    for test, val in ((0.0, 0.25), (0.25, 0.0), (0.0, 0.0)):
        parts = BY_CASE[rule](20, SplitConfig(rule, test=test, val=val))
        assert sum(map(len, parts)) == 20
        assert [bool(len(part)) for part in parts] == [True, val > 0, test > 0]


def test_cases_in_order_of_their_names_whatever_patient_and_official_list_there_is(tmp_path: Path) -> None:
    names = [f"c{number:02}" for number in range(20)]
    write_text(tmp_path / "split.json", '{"train": ["c00"], "val": [], "test": ["c01"]}')
    config = recipe("gpt_o1")
    split = make_split(cases(dict.fromkeys(reversed(names), "one patient")), config, tmp_path)
    train, val, test = divide("gpt_o1", 20)
    assert split == Split(*(tuple(names[index] for index in part) for part in (train, val, test)))
    # a run's own list is the one that is scored again
    file = write_text(tmp_path / "run.json", split.to_json())
    config.file = str(file)
    assert make_split(cases(dict.fromkeys(names, "one patient")), config, tmp_path) == split


def test_the_caution_is_said_aloud() -> None:
    config = DataConfig(name="x", source="x", root="x", reader=None)
    assert with_caution(config).note is None
    config.split.rule = "sklearn"
    assert "not by patient" in str(with_caution(config).note)
    config.note = "demo"
    assert str(with_caution(config).note).startswith("demo; published split")


def test_faults_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as wrong:
        make_split(cases({"a": "a"}), SplitConfig("random"), tmp_path)
    one_line(wrong.value, "data.split.rule=random", "patient, sklearn")
    with pytest.raises(DataError) as few:
        make_split(cases({"a": "a", "b": "b"}), SplitConfig("sklearn"), tmp_path)
    one_line(few.value, "2 case(s)", "data.split.rule=sklearn")
