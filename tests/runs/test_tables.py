"""Run folders to tables: what is averaged, what is compared with what, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from llmseg.errors import ConfigError, UserError
from llmseg.runs.tables import Row, Table, read_tables
from tests.runs.make_scored import make

RNG = np.random.default_rng(0)
LOW = [RNG.uniform(0.5, 0.7, 12).tolist() for _ in range(3)]
HIGH = [RNG.uniform(0.6, 0.8, 12).tolist() for _ in range(3)]


def one(root: Path, **options: Any) -> Table:
    (table,) = read_tables([root], **options)
    return table


def row(table: Table, name: str) -> Row:
    return next(row for row in table.rows if row.name == name)


def sweep(root: Path, *, labelled: int | None = 4) -> None:
    for seed in range(3):
        make(root, "supervised", LOW[seed], seed, labelled=labelled)
        make(root, "llm_segnet", HIGH[seed], seed, labelled=labelled)


def test_rows_and_their_test_by_hand(tmp_path: Path) -> None:
    sweep(tmp_path)
    table = one(tmp_path, baseline="supervised")
    assert (table.data, table.cases, table.patients, table.checkpoint) == ("la_h5", 12, 12, "last")
    assert [each.name for each in table.rows] == ["supervised", "llm_segnet"]  # the baseline first
    ours, theirs = np.mean(HIGH, axis=0), np.mean(LOW, axis=0)
    segnet = row(table, "llm_segnet")
    assert segnet.scores["dice"].mean == pytest.approx(ours.mean())
    assert segnet.scores["dice"].sd == pytest.approx(np.std(np.mean(HIGH, axis=1), ddof=1))
    assert segnet.scores["hd95_mm"].mean == 2
    difference = segnet.differences["dice"]
    assert difference.p == difference.p_holm == pytest.approx(stats.wilcoxon(ours, theirs).pvalue)
    assert difference.mean == pytest.approx((ours - theirs).mean())
    assert (segnet.against, row(table, "supervised").against) == ("supervised", None)


def test_holm_counts_all_rows_and_metrics(tmp_path: Path) -> None:
    sweep(tmp_path)
    for seed in range(3):
        make(tmp_path, "cps", HIGH[(seed + 1) % 3], seed)
    table = one(tmp_path, baseline="supervised", metrics=("dice", "hd95_mm"))
    ps = [(each.p, each.p_holm) for line in table.rows for each in line.differences.values()]
    assert len(ps) == 4
    # cps has llm_segnet's values in another order of the seeds: the same two p-values, the smallest of four
    assert ps[0] == pytest.approx((ps[0][0], 4 * ps[0][0]))
    assert ps[2] == pytest.approx(ps[0])
    assert ps[1] == ps[3] == (1, 1)  # HD95 is 2 mm everywhere


def test_classes_are_averaged_first_and_empty_masks_are_counted(tmp_path: Path) -> None:
    dice: dict[str, list[float | None]] = {"front": [0.5, None], "back": [0.7, 0.9]}
    make(tmp_path, "supervised", dice, columns={"empty": ["", "both"]})
    table = one(tmp_path)
    (line,) = table.rows
    assert table.classes == ["front", "back"]
    assert line.scores["dice"].mean == pytest.approx((0.6 + 0.9) / 2)
    assert line.scores["dice"].interval is None
    assert line.empty == {"both": 2, "label": 0, "prediction": 0}


def test_best_on_validation_stands_where_all_runs_have_it(tmp_path: Path) -> None:
    best = {"dice_best_on_validation": [0.8, 0.6]}
    make(tmp_path, "supervised", [0.5, 0.7], 0, columns=best)
    make(tmp_path, "cps", [0.5, 0.7], 0, columns=best)
    make(tmp_path, "cps", [0.5, 0.7], 1)
    table = one(tmp_path)
    assert row(table, "supervised").scores["dice_best_on_validation"].mean == pytest.approx(0.7)
    assert "dice_best_on_validation" not in row(table, "cps").scores


def test_each_row_is_compared_at_its_own_number_of_labels(tmp_path: Path) -> None:
    for labelled in (8, 4, None):
        make(tmp_path, "supervised", LOW[0], labelled=labelled)
    for labelled in (4, 8):
        make(tmp_path, "llm_segnet", HIGH[0], labelled=labelled)
    table = one(tmp_path, baseline="supervised")
    assert [(each.name, each.against) for each in table.rows] == [
        ("supervised labelled=4", None),
        ("llm_segnet labelled=4", "supervised labelled=4"),
        ("supervised labelled=8", None),
        ("llm_segnet labelled=8", "supervised labelled=8"),
        ("supervised labelled=all", None),
    ]
    table = one(tmp_path, baseline="supervised labelled=4")  # one row: all others are compared with it
    assert {each.against for each in table.rows} == {None, "supervised labelled=4"}
    assert row(table, "supervised labelled=4").against is None


@pytest.mark.parametrize(
    "other",
    [
        {"data": "la"},
        {"summary": {"part": "val"}},
        {"summary": {"checkpoint": "best_on_validation"}},
        {"summary": {"nsd_tolerance_mm": 1.0}},
        {"data_classes": ["two"]},
    ],
)
def test_what_does_not_belong_together_is_two_tables(tmp_path: Path, other: dict[str, Any]) -> None:
    make(tmp_path, "supervised", [0.5, 0.6], data=other.pop("data", "la_h5"), **other)
    make(tmp_path, "cps", [0.5, 0.6])
    tables = read_tables([tmp_path], baseline="cps")
    assert sorted(table.rows[0].name for table in tables) == ["cps", "supervised"]
    assert all(len(table.rows) == 1 and not table.rows[0].differences for table in tables)


def test_runs_on_other_cases_are_refused_by_name(tmp_path: Path) -> None:
    make(tmp_path, "supervised", [0.5, 0.6, 0.7])
    short = make(tmp_path, "cps", [0.5, 0.6])
    with pytest.raises(UserError, match=r"lacks 1 case\(s\) that other runs were scored on \(c2\)") as error:
        one(tmp_path)
    assert str(short) in str(error.value)


def test_runs_on_other_labels_are_refused(tmp_path: Path) -> None:
    first = make(tmp_path, "supervised", [0.5, 0.6], columns={"label_ml": [10.0, 20.0]})
    second = make(tmp_path, "cps", [0.5, 0.6], columns={"label_ml": [10.001, 20.5]})
    with pytest.raises(UserError, match="case c1: its label") as error:
        one(tmp_path)
    assert str(first) in str(error.value)
    assert str(second) in str(error.value)


def test_pictures_have_no_volumes(tmp_path: Path) -> None:
    for method in ("supervised", "cps"):
        make(tmp_path, method, [0.5, 0.6], columns={"label_ml": [None, None]})
    assert len(one(tmp_path).rows) == 2


def test_a_run_counts_once_however_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, "supervised", [0.5, 0.6])
    monkeypatch.chdir(tmp_path)
    (table,) = read_tables([tmp_path, path, Path(".")])
    assert len(table.rows[0].runs) == 1
    assert table.rows[0].scores["dice"].sd is None


def test_a_seed_that_is_there_twice_is_named(tmp_path: Path) -> None:
    for _ in range(2):
        make(tmp_path, "supervised", [0.5, 0.6])
    (note,) = one(tmp_path).notes
    assert note.startswith("supervised: 2 runs with one seed")


def test_data_notes_are_handed_on(tmp_path: Path) -> None:
    make(tmp_path, "supervised", [0.5, 0.6], summary={"note": "cropped around the label"})
    assert one(tmp_path).notes == ["cropped around the label"]


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("supervisd", "did you mean 'supervised'?"),
        ("unrelated", "there is supervised, llm_segnet weight=1, llm_segnet weight=2"),
        ("llm_segnet", "several rows are called so; give one of 'llm_segnet weight=1', 'llm_segnet weight=2'"),
    ],
)
def test_wrong_baselines(tmp_path: Path, baseline: str, message: str) -> None:
    make(tmp_path, "supervised", [0.9, 0.9])
    make(tmp_path, "llm_segnet", [0.6, 0.6], method_weight=1)
    make(tmp_path, "llm_segnet", [0.5, 0.6], method_weight=2)
    with pytest.raises(ConfigError) as error:
        one(tmp_path, baseline=baseline)
    assert message in str(error.value)


def test_no_runs_and_no_scores(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run there"):
        one(tmp_path)
    path = make(tmp_path, "supervised", [0.5])
    (path / "cases.csv").unlink()
    with pytest.raises(UserError, match=r"has no cases\.csv"):
        one(tmp_path)


def test_unfinished_runs_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "supervised", [0.5])
    unfinished = make(tmp_path, "cps", [0.5])
    (unfinished / "summary.json").unlink()
    assert [each.name for each in one(tmp_path).rows] == ["supervised"]


def test_case_names_that_look_like_numbers(tmp_path: Path) -> None:
    make(tmp_path, "supervised", [0.5, 0.7], cases=["001", "1"])
    make(tmp_path, "cps", [0.5, 0.7], cases=["001", "1"])
    assert one(tmp_path, baseline="cps").cases == 2
