"""Scores of one case: overlap, units, the rule for empty masks, the legacy triple."""

from math import isnan, nan, sqrt

import numpy as np
import pytest
from medpy.metric import binary as medpy  # type: ignore[import-untyped]
from scipy import ndimage

from llmseg.evaluation.metrics import LEGACY_METRICS, METRICS, score


@pytest.mark.parametrize(("shape", "spacing"), [((21, 30), (0.5, 1.5)), ((16, 15, 10), (0.8, 0.8, 2.5))])
def test_equals_medpy(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    prediction, label = (ndimage.gaussian_filter(rng.random(shape), 1) > 0.5 for _ in range(2))
    row = score(prediction, label, spacing)
    assert row["dice"] == pytest.approx(medpy.dc(prediction, label))
    assert row["jaccard"] == row["legacy_jaccard"] == pytest.approx(medpy.jc(prediction, label))
    assert row["hd95_mm"] == pytest.approx(medpy.hd95(prediction, label, spacing), abs=1e-6)
    assert row["assd_mm"] == pytest.approx(medpy.assd(prediction, label, spacing), abs=1e-6)
    assert row["legacy_hd95_voxel"] == pytest.approx(medpy.hd95(prediction, label), abs=1e-6)
    assert row["legacy_asd_voxel"] == pytest.approx(medpy.asd(prediction, label), abs=1e-6)


def test_cubes_by_hand() -> None:
    label, prediction = np.zeros((10, 10, 10), bool), np.zeros((10, 10, 10), bool)
    label[2:6, 2:6, 2:6] = True
    prediction[3:7, 2:6, 2:6] = True  # one voxel further along x
    row = score(prediction, label, (3.0, 1.0, 1.0))
    assert row["dice"] == pytest.approx(0.75)
    assert row["jaccard"] == pytest.approx(0.6)
    assert row["label_ml"] == row["prediction_ml"] == pytest.approx(64 * 3 / 1000)
    # The far face (16 of 56 surface voxels) lies 3 mm off.
    assert (row["hd95_mm"], row["legacy_hd95_voxel"]) == (3, 1)
    assert row["empty"] == ""


def test_nsd_tolerance_is_in_mm() -> None:
    label, prediction = np.zeros((12, 12), bool), np.zeros((12, 12), bool)
    label[5, 3], prediction[5, 5] = True, True
    assert [score(prediction, label, (1, 1.5), tolerance)["nsd"] for tolerance in (2.9, 3.0)] == [0, 1]


def test_both_empty_is_nan_and_counted() -> None:
    row = score(np.zeros((4, 5, 6), bool), np.zeros((4, 5, 6), bool), (1, 1, 1))
    assert all(isnan(float(row[name])) for name in METRICS)
    assert [row[name] for name in LEGACY_METRICS] == [0, 0, 0]
    assert (row["empty"], row["label_ml"], row["prediction_ml"]) == ("both", 0, 0)


@pytest.mark.parametrize("missing", ["label", "prediction"])
def test_one_empty_is_the_worst_score(missing: str) -> None:
    masks = {"prediction": np.ones((3, 4, 6), bool), "label": np.ones((3, 4, 6), bool)}
    masks[missing] = np.zeros((3, 4, 6), bool)
    row = score(masks["prediction"], masks["label"], (1.0, 1.0, 2.0))
    assert (row["dice"], row["jaccard"], row["nsd"]) == (0, 0, 0)
    assert row["hd95_mm"] == row["assd_mm"] == pytest.approx(sqrt(9 + 16 + 144))
    assert [row[name] for name in LEGACY_METRICS] == [0, 0, 0]  # the field's convention: a miss counts as distance 0
    assert row["empty"] == missing


def test_slices_have_no_volume_and_integers_are_masks() -> None:
    mask = np.eye(5, dtype=np.uint8)
    row = score(mask, mask, (1, 1))  # type: ignore[arg-type]
    assert (row["dice"], row["hd95_mm"], row["nsd"]) == (1, 0, 1)
    assert float(row["label_ml"]) == pytest.approx(nan, nan_ok=True)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, -1.0), (1.0, nan)])
def test_spacing_that_cannot_be_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="spacing"):
        score(np.ones((3, 3), bool), np.ones((3, 3), bool), spacing)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        score(np.ones((3, 3), bool), np.ones((3, 4), bool), (1, 1))
