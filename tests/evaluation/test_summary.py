"""Summary of hand-made scores."""

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmseg.evaluation.metrics import METRICS, score
from llmseg.evaluation.summary import TOO_SMALL, summarise, table


def rows(patients: int = 12) -> list[dict[str, Any]]:
    """Two classes; class b is scored in only every second patient."""
    result = []
    for index in range(patients):
        for name, dice in (("a", 0.5 + 0.01 * index), ("b", 0.9 if index % 2 else np.nan)):
            values: dict[str, Any] = dict.fromkeys(METRICS, dice) | {"empty": "both" if np.isnan(dice) else ""}
            result.append({"case": f"c{index}", "group": f"p{index}", "class": name} | values)
    return result


def test_mean_over_cases_then_over_classes() -> None:
    summary = summarise(rows())
    a, b = (summary["classes"][name]["dice"] for name in "ab")
    assert (a["mean"], a["median"], a["n"]) == (pytest.approx(0.555), pytest.approx(0.555), 12)
    assert a["sd"] == pytest.approx(0.01 * np.std(np.arange(12), ddof=1))
    assert (b["mean"], b["n"], b["sd"]) == (pytest.approx(0.9), 6, pytest.approx(0))
    assert summary["mean"]["dice"] == pytest.approx((0.555 + 0.9) / 2)
    assert summary["classes"]["b"]["empty"] == {"both": 6, "label": 0, "prediction": 0}
    assert (summary["cases"], summary["patients"]) == (12, 12)


def test_intervals_need_ten_patients_with_a_value() -> None:
    summary = summarise(rows())
    low, high = summary["classes"]["a"]["dice"]["interval"]
    assert 0.5 < low < 0.555 < high < 0.61
    assert summary["classes"]["b"]["dice"]["interval"] is None  # six patients
    shifted = [(end + 0.9) / 2 for end in (low, high)]  # class b has no spread
    assert summary["mean_interval"]["dice"] == pytest.approx(shifted, abs=1e-3)
    assert summarise(rows(9))["mean_interval"]["dice"] is None


def test_is_json_with_null_for_what_does_not_exist() -> None:
    one = rows(1)
    summary = summarise(one)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["classes"]["b"]["dice"] == {"mean": None, "sd": None, "median": None, "interval": None, "n": 0}
    assert summary["mean"]["dice"] == 0.5


def test_order_of_rows_does_not_matter_and_csv_round_trips() -> None:
    frame = pd.DataFrame(rows())
    text = frame.to_csv(index=False)
    assert summarise(pd.read_csv(io.StringIO(text))) == summarise(frame)
    numeric = frame.assign(case=frame["case"].str[1:], group=frame["group"].str[1:])
    read_back = pd.read_csv(io.StringIO(numeric.to_csv(index=False)))  # ids have become integers
    assert summarise(read_back)["mean"] == summarise(frame)["mean"]


def test_table_prints_what_is_too_small() -> None:
    printed = table(summarise(rows()))
    assert [line[0] for line in printed] == ["class", "a", "b", "mean"]
    assert len({len(line) for line in printed}) == 1
    assert printed[1][2] == "0.555"
    assert printed[2][4] == TOO_SMALL
    assert printed[2][-1] == "6 both"
    assert printed[3][2] == "0.728"
    assert [line[4] for line in table(summarise(rows(3)))[1:]] == [TOO_SMALL] * 3


def test_table_of_one_class_has_no_mean_row_and_nan_is_a_dash() -> None:
    only_b = [row for row in rows(1) if row["class"] == "b"]
    header, line = table(summarise(only_b))
    assert line[header.index("Dice")] == "-"


def test_takes_what_score_returns() -> None:
    mask = np.zeros((6, 6, 6), bool)
    mask[2:4, 2:4, 2:4] = True
    row: dict[str, Any] = {"case": "c", "group": "p", "class": "a"} | score(mask, mask, (1, 1, 1))
    summary = summarise([row])
    assert summary["mean"]["dice"] == 1
    assert summary["mean"]["legacy_asd_voxel"] == 0
    assert len(table(summary)) == 2


def test_overlooked_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows"):
        summarise(rows(2) + rows(1))
    with pytest.raises(ValueError, match="'group'"):
        summarise([{"case": "c", "class": "a", "dice": 1.0}])
    with pytest.raises(ValueError, match="no scores"):
        summarise([])
