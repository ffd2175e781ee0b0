"""Effect sizes, ranks and cohorts against published examples, statsmodels and scikit-posthocs."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from statsmodels.stats.multitest import multipletests

from llmseg.evaluation.comparison import holm
from llmseg.evaluation.effects import cliffs_delta, rank_biserial
from llmseg.evaluation.pairwise import pairwise
from llmseg.evaluation.ranking import critical_difference, rank
from llmseg.study.authors import authors
from llmseg.study.cohorts import COHORTS, compare_cohorts, members


def scores(networks: int, cases: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).uniform(size=(cases, networks))
    names = [f"n{i}" for i in range(networks)]
    return pd.DataFrame(values, columns=names, index=[f"c{i}" for i in range(cases)])


def one_patient_each(table: pd.DataFrame) -> dict[str, str]:
    return {str(case): f"p{case}" for case in table.index}


def test_rank_biserial_is_the_favourable_minus_the_unfavourable_share_of_ranks() -> None:
    assert rank_biserial([1, -2, 3, 4]) == pytest.approx((1 + 3 + 4 - 2) / 10)
    assert rank_biserial([0, 0, 1, 2]) == 1  # zeros are dropped
    assert rank_biserial([0.0, 0.0]) == 0
    assert np.isnan(rank_biserial([float("nan")]))


def test_cliffs_delta_counts_pairs() -> None:
    assert cliffs_delta([1, 2, 3], [0, 2]) == pytest.approx((4 - 1) / 6)  # above in 4 pairs, below in 1, one tie
    assert cliffs_delta([5, 6], [1, 2]) == 1
    assert np.isnan(cliffs_delta([], [1]))


@pytest.mark.parametrize(("networks", "q"), [(2, 1.960), (4, 2.569), (7, 2.949), (10, 3.164)])
def test_critical_difference_is_that_of_demsars_table_5(networks: int, q: float) -> None:
    # his q come from a table of the studentised range with two decimals
    found = critical_difference(networks, 14) / (networks * (networks + 1) / 84) ** 0.5
    assert found == pytest.approx(q, abs=0.005 / 2**0.5)


def test_ranks_tests_and_cliques_agree_with_scikit_posthocs() -> None:
    table = scores(6, 15) + np.linspace(0, 1.2, 6)
    ranking = rank(table, patients=15)
    assert ranking is not None
    assert ranking.ranks.index[0] == "n5"
    assert ranking.ranks.sum() == pytest.approx(6 * 7 / 2)
    theirs = scikit_posthocs.posthoc_nemenyi_friedman(table)
    for one in table:
        for two in table:
            assert ranking.p_nemenyi.loc[one, two] == pytest.approx(theirs.loc[one, two], abs=1e-6)
            together = any({one, two} <= set(clique) for clique in ranking.cliques)
            assert one == two or together == (theirs.loc[one, two] > 0.05)
    assert ranking.p < 0.001


def test_no_clique_lies_within_another() -> None:
    ranking = rank(scores(8, 12, seed=3) + np.linspace(0, 0.8, 8), patients=12)
    assert ranking is not None
    sets = [set(clique) for clique in ranking.cliques]
    assert not any(one < two for one in sets for two in sets)


def test_no_ranking_under_ten_patients_or_three_networks() -> None:
    assert rank(scores(4, 20), patients=9) is None
    assert rank(scores(4, 9), patients=9) is None
    assert rank(scores(2, 20), patients=20) is None


def test_networks_that_are_alike_share_one_rank() -> None:
    table = scores(1, 12)
    ranking = rank(pd.concat([table["n0"].rename(f"n{i}") for i in range(3)], axis=1), patients=12)
    assert ranking is not None
    assert (ranking.p, set(ranking.ranks)) == (1.0, {2.0})
    assert [set(clique) for clique in ranking.cliques] == [{"n0", "n1", "n2"}]


def test_all_pairs_are_corrected_as_statsmodels_does() -> None:
    table = scores(4, 14)
    found = pairwise(table, one_patient_each(table))
    assert len(found) == 6
    np.testing.assert_allclose(found["p_holm"], multipletests(found["p"], method="holm")[1])
    assert ((found["low"] <= found["difference"]) & (found["difference"] <= found["high"])).all()


def test_sign_is_the_first_minus_the_second() -> None:
    table = scores(1, 12).assign(better=lambda frame: frame["n0"] + 0.1)
    row = pairwise(table, one_patient_each(table), [("better", "n0")]).iloc[0]
    assert row["difference"] == pytest.approx(0.1)
    assert row["rank_biserial"] == 1
    assert row["p"] == pytest.approx(2 / 2**12)  # exact: all signs alike


def test_under_ten_patients_there_is_no_p_but_a_note() -> None:
    table = scores(3, 30)
    patients = {case: f"p{index % 9}" for index, case in enumerate(table.index)}
    found = pairwise(table, patients)
    assert found[["p", "p_holm", "low", "high"]].isna().all(axis=None)
    assert set(found["note"]) == {"n too small"}
    assert found["difference"].notna().all()


def test_holm_ignores_missing_p() -> None:
    nan = float("nan")
    assert holm([0.01, nan, 0.04])[::2] == pytest.approx([0.02, 0.04])


def test_llms_that_wrote_the_same_network_count_once_in_a_cohort() -> None:
    values = pd.Series({name: 0.8 for name in authors() if authors()[name].network == "gpt_o1"})
    values["gpt4"], values["gpt4o"], values["gpt_o3"], values["deepseek_r1"] = 0.7, 0.6, 0.9, 0.95
    values["copilot"], values["llama31"] = 0.5, 0.4
    row = compare_cohorts(values).iloc[0]
    assert row["llms"] == "7 / 6"  # five of the seven of 2025, o3 and R1; two of 2024 and four others of that year
    assert row["networks"] == "3 / 5"
    assert row["shared_networks"] == 1
    assert row["cliffs_delta"] == pytest.approx((5 + 5 + 4) / 15)
    assert row["p"] == pytest.approx(0.05, abs=0.02)  # 1/28 without the tie


def test_copies_of_a_network_do_not_make_a_cohort_surer() -> None:
    few = pd.Series({"gpt4": 0.5, "gpt4o": 0.6, "gpt_o1": 0.7, "gpt_o3": 0.8, "deepseek_r1": 0.81, "qwen3": 0.82})
    few["copilot"], few["llama31"] = 0.4, 0.3
    more = pd.concat([few, pd.Series({"grok3": 0.82, "claude4": 0.82, "gpt_o4_mini_high": 0.82})])
    assert compare_cohorts(more).iloc[0]["p"] == compare_cohorts(few).iloc[0]["p"]


def test_a_cohort_that_no_exact_test_could_tell_apart_is_not_tested() -> None:
    values = pd.Series({"gpt4": 0.5, "gpt4o": 0.6, "copilot": 0.7, "gpt_o3": 0.8, "deepseek_r1": 0.85, "qwen3": 0.9})
    row = compare_cohorts(values).iloc[0]  # three against three: at least 2/20
    assert np.isnan(row["p"])
    assert row["note"] == "n too small"


def test_llms_of_which_nothing_is_known_are_in_no_cohort() -> None:
    openness = next(cohort for cohort in COHORTS if cohort.field == "open_weights")
    found = members(pd.Series({"grok3": 0.8, "gpt4": 0.7, "nobody": 0.9}), openness)
    assert found["author"].tolist() == ["gpt4"]
