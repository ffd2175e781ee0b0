"""The nine parts of the analysis on scored runs: what is merged, paired and said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseg.plots.pareto import front
from llmseg.runs import collect, collect_cases
from llmseg.study import analysis
from llmseg.study.analysis.curves import convergence
from llmseg.study.analysis.formulas import agreement, by_formula
from llmseg.study.analysis.masks import chosen_runs, median_case
from llmseg.study.analysis.wiring import repaired_pairs
from llmseg.study.collect import collect as collect_study
from llmseg.study.frames import by_network, means, named, scored
from llmseg.study.section import Section
from tests.runs.make_scored import make
from tests.study.make_runs import LEVELS, REPAIRED, scored_run, scored_study, study_run

Frames = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    root = tmp_path_factory.mktemp("runs")
    scored_study(root)
    return collect(root), collect_cases(root)


def test_runs_of_one_function_are_one_network_and_repaired_ones_another(frames: Frames) -> None:
    facts = named(frames[0])
    sizes = facts.groupby("network").size()
    assert sizes["gpt_o1"] == 6  # o1, Claude 3.5 and Grok 3, two seeds each
    assert sizes["gpt4o"] == sizes["gpt4o repaired"] == 2
    assert len(sizes) == len(LEVELS) - 2 + len(REPAIRED)
    members = set(facts.loc[facts["network"] == "gpt_o1", "member"])
    assert members == {"GPT o1 preview", "Claude 3.5 Sonnet", "Grok 3"}


def test_a_networks_score_is_the_mean_over_classes_then_runs(frames: Frames) -> None:
    rows = scored(*frames)
    table = by_network(rows)
    by_hand = rows[rows["network"] == "gpt_o1"].groupby("case")["dice"].mean()
    pd.testing.assert_series_equal(table["gpt_o1"], by_hand, check_names=False)
    assert (table.mean().diff().dropna() <= 0).all()
    assert means(rows).loc["gpt_o1", "members"] == "GPT o1 preview, Claude 3.5 Sonnet, Grok 3"


def test_dice_is_tested_against_the_canonical_network_and_ranked(frames: Frames) -> None:
    section = analysis.dice(*frames)
    (name,) = (caption for caption in section.tables if "paired" in caption)
    assert set(section.tables[name]["against"]) == {"gpt_o1"}
    assert any("mean ranks" in caption for caption in section.figures)
    row = section.tables[name].set_index("network").loc["copilot"]
    assert row["p_holm"] < 0.05
    assert row["rank_biserial"] == -1


def test_wiring_pairs_each_network_with_its_repaired_self(frames: Frames) -> None:
    assert repaired_pairs(["a", "a repaired", "b repaired", "c"]) == [("a repaired", "a")]
    assert repaired_pairs(["a lr=1", "a repaired lr=1", "a lr=2"]) == [("a repaired lr=1", "a lr=1")]
    section = analysis.wiring_faults(*frames)
    table = section.tables["slices: repaired minus as generated"]
    assert set(table.index) == set(REPAIRED)
    assert table.loc["copilot", "difference"] == pytest.approx(REPAIRED["copilot"] - LEVELS["copilot"], abs=0.03)
    difference = table["repaired"] - table["as generated"]
    np.testing.assert_allclose(table["difference"], difference, atol=1e-8)


def test_variability_is_widest_first_and_counts_members_as_repeats(frames: Frames) -> None:
    table = analysis.variability(*frames).tables["slices: spread of the runs of each network"]
    assert table.loc["gpt_o1", "runs"] == 6
    assert (table["range"].diff().dropna() <= 0).all()


def test_cohorts_leave_repaired_networks_out(frames: Frames) -> None:
    runs, cases = frames
    plain = runs[~runs["config.model.repaired"].astype(bool)]
    table = analysis.cohorts(runs, cases).tables["slices: cohorts"]
    assert table.iloc[0]["llms"] == "3 / 7"
    again = analysis.cohorts(plain, cases[cases["run"].isin(plain["run"])]).tables["slices: cohorts"]
    pd.testing.assert_frame_equal(table, again)


def test_front_is_of_those_that_none_beats_in_both() -> None:
    cost = pd.Series({"a": 1.0, "b": 2.0, "c": 2.0, "d": 3.0, "e": 4.0, "f": float("nan")})
    gain = pd.Series({"a": 0.5, "b": 0.6, "c": 0.4, "d": 0.6, "e": 0.9, "f": 1.0})
    assert front(cost, gain) == ["a", "b", "e"]


def test_cost_joins_parameters_gmacs_and_seconds(frames: Frames) -> None:
    table = analysis.cost(*frames).tables["slices: cost of each network"]
    assert table.loc["gpt4", ["parameters", "gmacs", "seconds"]].tolist() == pytest.approx([5e6, 0.4, 40.0])
    assert "parameters" in table.loc["gpt4", "front"]


def test_another_formula_can_turn_a_ranking_round() -> None:
    table = pd.DataFrame({"dice": {"x": 0.9, "y": 0.8, "z": 0.7}, "dice_soft_batch_s1": {"x": 0.1, "y": 0.2, "z": 0.3}})
    row = agreement(table).iloc[0]
    assert (row["kendall_tau"], row["ranks_changed"], row["best"]) == (-1.0, 2, "z")


def test_formulas_are_compared_on_the_same_masks(frames: Frames) -> None:
    table = by_formula(scored(*frames))
    assert table.shape == (12, 11)
    assert (table["dice_soft_batch_s1"] < table["dice"]).all()


def test_convergence_is_the_first_epoch_near_the_best() -> None:
    curves = pd.DataFrame({"network": "n", "run": "r", "epoch": [1, 2, 3, 4], "train": [4.0, 3, 2, 1], "val": np.nan,
                           "dice": [0.5, 0.86, 0.9, 0.7]})  # fmt: skip
    row = convergence(curves).loc["n"]
    assert (row["epoch_of_95_percent"], row["best_dice"], row["last_dice"], row["last_train_loss"]) == (2, 0.9, 0.7, 1)


def test_curves_are_read_from_the_runs(frames: Frames) -> None:
    section = analysis.training_curves(frames[0])
    assert section.tables["slices: convergence"]["epochs"].eq(3).all()
    assert any("curves" in caption for caption in section.figures)


def test_errors_are_counted_by_author(tmp_path: Path) -> None:
    study_run(tmp_path, "one", ["RuntimeError", "NameError"])
    study_run(tmp_path, "one", ["RuntimeError"], repeat=1)
    study_run(tmp_path, "two", ["missing_import"] * 3, "gave up")
    section = analysis.errors(collect_study(tmp_path))
    table = section.tables["errors by class"]
    assert table.loc["one"].to_dict() == {"RuntimeError": 2, "NameError": 1, "missing_import": 0, "errors": 3}
    effort = section.tables["authors: rounds, errors, tokens and what it cost"]
    assert effort.loc["one", ["runs", "ran", "rounds"]].tolist() == [2, 2, 2.5]
    assert effort.loc["two", ["runs", "ran", "errors"]].tolist() == [1, 0, 3]


def test_the_median_case_is_drawn_of_runs_that_have_a_checkpoint(tmp_path: Path) -> None:
    run = scored_run(tmp_path, "gpt4", [0.1, 0.9, 0.5])
    scored_run(tmp_path, "gpt4o", [0.2, 0.8, 0.4])
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    rows = scored(collect(tmp_path), collect_cases(tmp_path))
    assert median_case(rows) == "c2"
    assert chosen_runs(rows) == ({"gpt4": str(run)}, ["gpt4o"])


def every_part(root: Path) -> list[Section]:
    runs, cases = collect(root), collect_cases(root)
    parts = (analysis.dice, analysis.variability, analysis.cohorts, analysis.cost, analysis.masks, analysis.formulas)
    found = [part(runs, cases) for part in (*parts, analysis.wiring_faults)]
    return [*found, analysis.training_curves(runs), analysis.errors(collect_study(root))]


def test_nothing_fails_without_runs(tmp_path: Path) -> None:
    for section in every_part(tmp_path):
        assert any("no finished run" in note or "no study run" in note for note in section.notes), section.title
        assert section._repr_html_().startswith("<h2>")


def test_under_ten_patients_it_is_said(tmp_path: Path) -> None:
    for model in ("gpt4", "gpt4o", "gpt_o1"):
        for repaired in {False, model == "gpt4o"}:
            scored_run(tmp_path, model, [0.5, 0.6, None, 0.7], repaired=repaired)
    sections = {section.title: section for section in every_part(tmp_path)}
    dice = sections["Dice by network and data set"]
    assert any("n too small" in note for note in dice.notes)
    assert not any("mean ranks" in caption for caption in dice.figures)
    assert dice.tables["slices: Dice of each network"][["low", "high"]].isna().all(axis=None)
    table = sections["What wiring faults cost"].tables["slices: repaired minus as generated"]
    assert table["note"].tolist() == ["n too small"]


def test_one_run_without_any_score_is_no_error(tmp_path: Path) -> None:
    scored_run(tmp_path, "gpt4", [None, None])
    assert len(every_part(tmp_path)) == 9


def test_data_sets_and_parts_are_never_mixed(tmp_path: Path) -> None:
    scored_run(tmp_path, "gpt4", [0.5] * 10)
    scored_run(tmp_path, "gpt4", [0.9] * 10, part="val")
    assert set(named(collect(tmp_path))["data"]) == {"slices", "slices (val)"}


def test_repeats_of_a_script_are_runs_of_one_author_beside_trained_networks(tmp_path: Path) -> None:
    for repeat in range(2):
        choices = {"author": "openai"}
        make(tmp_path, "generated", [0.6 + 0.1 * repeat] * 10, model="gpt4o", data="slices", repeat=repeat, **choices)
    make(tmp_path, "generated", [0.5] * 10, model="grok3", data="slices", repeat=0, author="openai")
    for model in ("gpt4o", "gpt_o1"):
        scored_run(tmp_path, model, [0.8] * 10)
    facts = named(collect(tmp_path))
    assert facts.groupby("network").size().to_dict() == {"gpt4o script": 2, "grok3 script": 1, "gpt4o": 1, "gpt_o1": 1}
    table = analysis.variability(collect(tmp_path), collect_cases(tmp_path)).tables
    spread = table["slices: spread of the runs of each network"].loc["gpt4o script"]
    assert spread["range"] == pytest.approx(0.1)
