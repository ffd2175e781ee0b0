"""The table of authors agrees with the networks' configurations and with the published facts."""

from pathlib import Path

import pytest

from llmseg.study import authors as module
from llmseg.study.authors import authors

CONF = Path(__file__).parents[2] / "conf" / "model"
LIBRARY = {"smp", "monai_unet", "segresnet", "swin_unetr", "dynunet", "unetr"}
NOT_BY_LLMS = {"unet", "vnet", "resnet34_vnet", "generated", *LIBRARY}


def test_every_llm_written_network_has_its_author() -> None:
    assert set(authors()) == {file.stem for file in CONF.glob("*.yaml")} - NOT_BY_LLMS


def test_rounds_are_of_eight_and_eleven_llms() -> None:
    extra = {"llama4_published", "qwen3_nothink"}
    years = [author.year for name, author in authors().items() if name not in extra]
    assert (years.count(2024), years.count(2025)) == (8, 11)


def test_seven_of_nineteen_llms_wrote_the_canonical_network() -> None:
    same = {name for name, author in authors().items() if author.network == "gpt_o1"}
    assert same == {"gpt_o1", "claude35", "qwen3", "grok3", "grok3_mini", "gpt_o4_mini_high", "claude4"}
    assert all(author.network in authors() for author in authors().values())


def test_cells_are_typed_and_empty_ones_are_none() -> None:
    llama, grok = authors()["llama31"], authors()["grok3"]
    assert (llama.company, llama.open_weights, llama.reasoning) == ("Meta AI", True, False)
    assert (llama.character_limit, llama.token_limit, llama.note) == (30_000, 32_768, None)
    assert (grok.company, grok.open_weights, grok.token_limit) == (None, None, None)


def test_a_cell_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(ValueError, match="'maybe' must be yes, no or empty"):
        module._yes_or_no("maybe")
