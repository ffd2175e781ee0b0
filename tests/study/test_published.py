"""The published numbers against the sums, counts and relations that the study's own material gives."""

import math

import pandas as pd
import pytest

from llmseg.evaluation.llm_dice import formula_of
from llmseg.study.authors import authors
from llmseg.study.published import REFERENCE, TABLES, llms, published

KEYS = {
    "networks": ["author"],
    "recipes": ["author"],
    "errors": ["author"],
    "times": ["author", "which"],
    "dice": ["author", "data"],
    "losses": ["author", "data", "epoch"],
    "run_to_run": ["author", "run"],
    "single_images": ["author", "data"],
    "cohorts": ["data"],
}
CLASSES = ["NameError", "RuntimeError", "ValueError", "TypeError", "AttributeError", "missing_import", "other"]
DATA = {"bagls", "bolus", "brain", "skin", "retina", "myoma"}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_source_a_key_of_its_own_and_a_known_author(name: str) -> None:
    table = published(name)
    assert not table.duplicated(KEYS[name]).any()
    assert (table["source"] != "").all()
    assert table["fault"].map(type).eq(str).all()
    if "author" in table:
        assert set(table["author"]) <= set(authors()) | {REFERENCE}
    if "data" in table:
        assert set(table["data"]) <= DATA


def test_every_llm_has_its_facts_and_its_network() -> None:
    table = llms()
    assert len(table) == len(authors())
    assert table["parameters"].notna().all()
    assert {"company", "version", "open_weights", "character_limit", "token_limit"} <= set(table.columns)


def test_errors_of_2024_are_the_sums_of_their_classes() -> None:
    table = published("errors").set_index("author")
    old = [name for name, author in authors().items() if author.year == 2024]
    assert table.loc[old, "errors"].sum() == 43
    pd.testing.assert_series_equal(table.loc[old, CLASSES].sum(axis=1), table.loc[old, "errors"], check_names=False,
                                   check_dtype=False)  # fmt: skip
    assert table.loc[old, CLASSES].sum().tolist() == [9, 14, 7, 4, 2, 5, 2]
    new = [name for name in table.index if name not in old and name != "qwen3_nothink"]
    assert (len(new), table.loc[new, "errors"].sum()) == (11, 21)


def test_counts_that_the_chats_contradict_are_flagged() -> None:
    fault = published("errors").set_index("author")["fault"]
    assert all(fault[["gpt_o1", "gpt_o3", "deepseek_r1", "qwen3"]])
    assert not any(fault[["gpt4", "claude35", "grok3"]])


def test_parameters_are_those_of_the_networks_that_were_rebuilt() -> None:
    table = published("networks").set_index("author")
    assert table.loc["deepseek_v3", "parameters"] == 13_394_177
    assert table.loc["deepseek_v3", "parameters_published"] == table.loc["deepseek_r1", "parameters"]  # copied
    shown = table["parameters_published"]
    wrong = table[((table["parameters"] - shown).abs() / shown) > 0.005]
    assert list(wrong.index) == ["deepseek_v3"]
    assert (wrong["fault"] != "").all()
    rebuilt = {"gpt_o1", "claude35", "gemini15", "gpt4o", "grok3", "grok3_mini", "qwen3"}
    assert set(table.index[table["parameters"] == 31_042_369]) == rebuilt


@pytest.mark.parametrize("author", sorted(authors()))
def test_recipes_name_the_dice_that_llm_dice_computes(author: str) -> None:
    recipe = published("recipes").set_index("author")
    name = "llama4" if author == "llama4_published" else author
    assert "dice_" + recipe.loc[name, "dice_formula"] == formula_of(author).column


def test_dice_are_shares_and_quartiles_are_in_order() -> None:
    table = published("dice")
    assert len(table) == 20 * 6
    values = table[["mean_published", "mean", "median", "q1", "q3"]]
    assert ((values >= 0) & (values <= 1) | values.isna()).all(axis=None)
    drawn = table.dropna(subset=["q1", "q3"])
    assert ((drawn["q1"] <= drawn["median"]) & (drawn["median"] <= drawn["q3"])).all()


def test_means_that_count_a_header_as_a_score_are_corrected_and_flagged() -> None:
    table = published("dice").dropna(subset=["mean_published"])
    biased = table[table["author"].isin(["claude35", "copilot", "bing_copilot"])]
    corrected = biased["mean_published"] * (biased["batches"] + 1) / biased["batches"]
    assert (biased["mean"] - corrected).abs().max() < 1e-4
    assert biased["fault"].str.contains("header").all()
    rest = table.drop(biased.index).dropna(subset=["mean"])
    assert (rest["mean"] == rest["mean_published"]).all()
    claude = biased[biased["author"] == "claude35"].set_index("data")["mean"]
    assert claude[["bagls", "bolus", "brain", "skin", "myoma", "retina"]].round(3).tolist() == [
        0.787, 0.821, 0.866, 0.846, 0.222, 0.735,
    ]  # fmt: skip


def test_numbers_of_another_data_set_or_network_are_not_used_as_truth() -> None:
    dice = published("dice").set_index(["author", "data"])
    copied = dice.loc[("gpt4", "myoma")]
    assert copied["mean_published"] == dice.loc[("gpt4", "retina"), "mean_published"]
    assert math.isnan(copied["mean"])
    assert "llama4" not in set(published("dice")["author"])
    assert (published("dice").query("author == 'llama4_published'")["fault"] != "").all()
    images = published("single_images").set_index(["author", "data"])
    for author in ("claude35", "llama31", "gemini15"):
        assert images.loc[(author, "bolus"), "dice"] == images.loc[(author, "bagls"), "dice"]
        assert images.loc[(author, "bolus"), "fault"]


def test_run_to_run_spread_is_the_published_one() -> None:
    table = published("run_to_run")
    spread = table.groupby("author")["median_dice"].agg(lambda values: round(values.max() - values.min(), 3))
    assert spread.to_dict() == {"gpt4o": 0.157, "gpt_o4_mini_high": 0.054}
    counts = table[table["author"] == "gpt4o"]["parameters"].value_counts()
    assert counts.to_dict() == {31_042_369: 8, 31_030_593: 2}


def test_no_gain_that_the_study_claims_is_significant() -> None:
    table = published("cohorts")
    assert (table["p"] > table["alpha"]).all()


def test_seconds_an_epoch_follow_from_the_recipes() -> None:
    times = published("times").query("which == 'published'").set_index("author")
    epochs = published("recipes").set_index("author")["epochs"]
    assert (times["epochs"] == epochs[times.index]).all()
    per_epoch = times["seconds"] / times["epochs"]
    assert per_epoch[["gpt4", "claude35", "copilot"]].round(1).tolist() == [59.0, 105.7, 7.4]
