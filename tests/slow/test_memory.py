"""Peak memory stays below the limits that `make memory` prints, here on smaller sizes, each in a process of its own."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python does for the folder of a script."""
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def prediction() -> ModuleType:
    return importlib.import_module("peak.prediction")


def test_training_of_the_large_unet_at_batch_16(tmp_path: Path) -> None:
    training = importlib.import_module("peak.training")
    job = training.Training(batch=16, side=128)
    assert training.training_peak(tmp_path, job) < job.limit


def test_memory_does_not_grow_with_the_number_of_windows(prediction: ModuleType, tmp_path: Path) -> None:
    """8 and 64 windows of 96x96x96 on one scan; the logits of 56 more would be 0.74 GiB."""
    scan = prediction.Scan((192, 192, 192), patch=96)
    few, many = (prediction.prediction_peak(tmp_path, scan, 3, overlap) for overlap in (0.0, 0.66))
    kept = 56 * (scan.classes + 1) * 96**3 * 4 / 2**30
    assert many - few < kept / 5  # the allocator's own ups and downs are a tenth
    assert many < prediction.limit(scan, 3)


def test_slices_of_a_large_scan_are_predicted_bit_by_bit(prediction: ModuleType, tmp_path: Path) -> None:
    """512x512x150: a quarter of the largest scan."""
    scan = prediction.Scan((512, 512, 150))
    assert prediction.prediction_peak(tmp_path, scan, 2) < prediction.limit(scan, 2)
