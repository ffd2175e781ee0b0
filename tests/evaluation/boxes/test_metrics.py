"""Scores of slices, and what is said of all of them; numbers computed by hand."""

import json
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from box_samples import make_sample

from llmseg.data.boxes.sample import Box, Sample
from llmseg.evaluation.boxes.metrics import METRICS, by_patient, score, summarise
from llmseg.language.codecs.base import Decoded


def only(sample: Sample, decoded: Decoded) -> dict[str, object]:
    (row,) = score(sample, decoded)
    return row


def found(*boxes: tuple[float, float, float, float]) -> Decoded:
    return Decoded(tuple(Box(*box) for box in boxes))


UNREADABLE = Decoded((), "no box in the text")


def test_one_box_by_hand() -> None:
    row = only(make_sample((0, 0, 10, 10), spacing=(2.0, 1.0)), found((5, 0, 15, 10)))
    assert row["iou"] == pytest.approx(50 / 150)
    assert row["giou"] == pytest.approx(50 / 150)  # the hull of the two is their union
    assert row["centre_mm"] == pytest.approx(10)  # five pixels of two millimetres
    assert (row["parsed"], row["reason"], row["extra"], row["truth"]) == (True, None, 0, True)
    assert [row[key] for key in ("x1", "y1", "x2", "y2", "tx1", "ty1", "tx2", "ty2")] == [5, 0, 15, 10, 0, 0, 10, 10]
    assert row["correct_rejection"] is None


@pytest.mark.parametrize(("answer", "parsed"), [(UNREADABLE, False), (found(), True)])
def test_no_answer_is_the_worst_answer(answer: Decoded, parsed: bool) -> None:
    row = only(make_sample((0, 0, 10, 10)), answer)
    assert (row["iou"], row["giou"], row["parsed"], row["side_correct"]) == (0, -1, parsed, False)
    assert isnan(row["centre_mm"])
    assert isnan(row["x1"])
    assert row["reason"] == answer.reason


def test_boxes_beside_a_reason_do_not_count() -> None:
    row = only(make_sample((0, 0, 10, 10)), Decoded((Box(0, 0, 10, 10),), "text after the box"))
    assert (row["iou"], row["parsed"], row["extra"]) == (0, False, 0)


def test_several_boxes_are_matched() -> None:
    sample = make_sample((0, 0, 10, 10), (20, 10, 30, 20))
    rows = score(sample, found((20, 10, 30, 20), (0, 0, 10, 5), (35, 0, 40, 5)))
    assert [row["iou"] for row in rows] == pytest.approx([0.5, 1.0])
    assert [row["extra"] for row in rows] == [1, 1]
    rows = score(sample, found((20, 10, 30, 20)))
    assert [row["iou"] for row in rows] == [0, 1]
    assert [row["parsed"] for row in rows] == [True, True]


@pytest.mark.parametrize(
    ("answer", "rejected", "extra"), [(found(), True, 0), (found((0, 0, 2, 2)), False, 1), (UNREADABLE, False, 0)]
)
def test_slices_without_a_box(answer: Decoded, rejected: bool, extra: int) -> None:
    row = only(make_sample(), answer)
    assert (row["truth"], row["correct_rejection"], row["extra"]) == (False, rejected, extra)
    assert isnan(row["iou"])
    assert row["side"] is None


@pytest.mark.parametrize(
    ("plane", "true", "predicted", "side", "correct"),
    [
        ("axial", (0, 0, 10, 10), (10, 0, 18, 9), "left", True),
        ("coronal", (0, 0, 10, 10), (30, 0, 38, 9), "left", False),
        ("coronal", (30, 0, 38, 10), (26, 0, 30, 9), "right", True),
        ("axial", (0, 0, 10, 10), (10, 0, 30, 30), "left", False),  # the image's middle is no side
        ("sagittal", (0, 0, 10, 10), (0, 0, 10, 10), None, None),
        ("axial", (10, 0, 30, 10), (0, 0, 10, 10), None, None),  # the truth has no side either
    ],
)
def test_side(plane: str, true: tuple, predicted: tuple, side: str | None, correct: bool | None) -> None:
    row = only(make_sample(true, plane=plane), found(predicted))
    assert (row["side"], row["side_correct"]) == (side, correct)


def test_without_spacing_there_is_no_distance() -> None:
    row = only(make_sample((0, 0, 10, 10), spacing=None), found((5, 0, 15, 10)))
    assert isnan(row["centre_mm"])


def rows_of(*scored: tuple[Sample, Decoded]) -> pd.DataFrame:
    return pd.DataFrame([row for sample, decoded in scored for row in score(sample, decoded)])


def two_patients() -> pd.DataFrame:
    """Patient p: IoU 1, 0.5 and an unreadable answer, one slice without a box; q: IoU 0.25, not above a quarter."""
    whole = (0, 0, 10, 10)
    return rows_of(
        (make_sample(whole, case="p", index=0), found(whole)),
        (make_sample(whole, case="p", index=1), found((0, 0, 10, 5))),
        (make_sample(whole, case="p", index=2), UNREADABLE),
        (make_sample(case="p", index=3), found()),
        (make_sample(whole, case="q", index=0), found((0, 0, 5, 5))),
    )


def test_summary_by_hand() -> None:
    summary = summarise(two_patients())
    assert (summary["slices"], summary["boxes"], summary["patients"]) == (5, 4, 2)
    mean = summary["mean"]
    assert summary["per_patient"] == pytest.approx({"p": 0.5, "q": 0.25})
    assert mean["iou"] == pytest.approx(0.375)
    assert summary["iou_of_slices"] == pytest.approx(1.75 / 4)
    assert [mean[f"acc_{share}"] for share in (25, 50, 75)] == pytest.approx([(2 / 3) / 2, (1 / 3) / 2, (1 / 3) / 2])
    assert mean["parse_rate"] == pytest.approx((3 / 4 + 1) / 2)
    assert mean["rejection"] == 1
    assert mean["side_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert mean["centre_mm"] == pytest.approx(((0 + 2.5) / 2 + 12.5**0.5) / 2)
    assert mean["giou"] == pytest.approx(((1 + 0.5 - 1) / 3 + 0.25) / 2)
    assert set(summary["mean_interval"].values()) == {None}
    assert summary["note"] == "n too small"
    json.dumps(summary, allow_nan=False)


def test_intervals_from_ten_patients_on() -> None:
    rows = rows_of(
        *(
            (make_sample((0, 0, 10, 10), case=f"c{n}", index=i), found((0, 0, n, 10)))
            for n in range(1, 11)
            for i in (0, 1)
        )
    )
    summary = summarise(rows)
    assert summary["mean"]["iou"] == pytest.approx(0.55)
    low, high = summary["mean_interval"]["iou"]
    means = np.random.default_rng(1).choice(np.arange(1, 11) / 10, (4000, 10)).mean(axis=1)
    assert (low, high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.02)
    assert summary["note"] is None
    assert summary["mean_interval"]["rejection"] is None  # nothing to be rejected
    assert summary["mean"]["rejection"] is None


def test_patients_weigh_alike_and_cases_of_one_count_together() -> None:
    whole = (0, 0, 10, 10)
    rows = rows_of(
        *((make_sample(whole, case=f"p_{n}", group="p", index=n), found(whole)) for n in range(9)),
        (make_sample(whole, case="q"), found()),
    )
    assert summarise(rows)["mean"]["iou"] == pytest.approx(0.5)
    assert summarise(rows)["iou_of_slices"] == pytest.approx(0.9)


def test_summary_survives_a_csv_file(tmp_path: Path) -> None:
    rows = two_patients()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    assert summarise(pd.read_csv(tmp_path / "rows.csv")) == summarise(rows)


def test_slices_that_only_their_line_tells_apart() -> None:
    sample = make_sample((0, 0, 10, 10), index=None)
    lines = [replace(sample, record=replace(sample.record, line=line)) for line in (1, 2)]
    assert summarise(rows_of(*((each, found()) for each in lines)))["slices"] == 2


def test_by_patient_of_every_metric() -> None:
    for metric in METRICS:
        values = by_patient(two_patients(), metric)
        assert values.index.tolist() == (["p"] if metric == "rejection" else ["p", "q"])


def test_nothing_to_summarise() -> None:
    with pytest.raises(ValueError, match="no scores"):
        summarise([])
