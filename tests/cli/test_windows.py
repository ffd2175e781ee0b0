"""evaluation.weights and evaluation.stride, from the command line to the sliding window."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from llmseg.cli.trained import segmenter
from llmseg.data.preprocessing import Recipe
from llmseg.inference import predict
from llmseg.inference.windows import window_planes
from llmseg.runs import TrainedNetwork
from tests.cli.conftest import Command, call, runs_in
from tests.conftest import Refusal

VOLUMES = (
    "model.spatial_dims=3",
    "data.patch_size=[16,16,16]",
    "data.spacing=[8,8,8]",
    "data.batch_size=2",
    "data.labelled=1",
    "trainer.limit_train_batches=1",
    "trainer.limit_val_batches=0",
    "evaluation.checkpoints=[last]",
    "evaluation.figures=false",
)


def test_a_predictor_of_a_trained_network_uses_them() -> None:
    torch.manual_seed(0)
    net = nn.Conv3d(1, 1, 3, padding=1).requires_grad_(False)
    recipe = Recipe(("one",), False, "RAS", None, "minmax", None, False, 2, None)
    image = np.random.default_rng(0).random((1, 1, 20, 9, 7), np.float32)
    trained = [TrainedNetwork(net, {"trainer": {"precision": "32"}})]
    device = torch.device("cpu")
    found = segmenter(trained, recipe, (6, 6, 6), device, weights="constant", stride=(5, 2, 1)).planes(image)
    planes = window_planes(net, torch.from_numpy(image), (6, 6, 6), weights="constant", stride=(5, 2, 1))
    expected = torch.cat(list(planes)).sigmoid()
    torch.testing.assert_close(torch.cat(list(found)), expected)
    default = segmenter(trained, recipe, (6, 6, 6), device).planes(image)
    assert not torch.allclose(torch.cat(list(default)), expected, atol=1e-3)


@pytest.mark.slow
def test_they_reach_the_windows_of_train_and_evaluate(
    train: Command, tmp_path: Path, sample_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    plain = predict.window_planes

    def noted(*given: Any) -> Iterator[Tensor]:
        seen.append((given[3], *given[6:]))  # overlap, weights, stride
        return plain(*given)

    monkeypatch.setattr(predict, "window_planes", noted)
    assert train(*VOLUMES, "evaluation.weights=constant", "evaluation.stride=[16,8,12]") == 0
    assert seen
    assert all(each == (0.5, "constant", [16, 8, 12]) for each in seen)
    seen.clear()
    (run,) = runs_in(tmp_path / "runs")
    words = ("part=test", "evaluation.checkpoints=[last]", "evaluation.figures=false", f"paths.cache={sample_cache}")
    assert call("evaluate", f"run={run}", *words, "accelerator=cpu") == 0
    assert seen
    assert all(each == (0.5, "gaussian", None) for each in seen)
    error = call("evaluate", f"run={run}", *words, "evaluation.stride=[17,1,1]")
    assert error == 2


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("evaluation.weights=gausian", "evaluation.weights=gausian: choose from gaussian, constant"),
        ("evaluation.stride=[18,18]", "evaluation.stride=[18, 18]: give three numbers of voxels"),
        ("evaluation.stride=[17,1,1]", "each from 1 to data.patch_size=[16, 16, 16]"),
        ("evaluation.stride=[0,1,1]", "evaluation.stride=[0, 1, 1]: give three"),
    ],
)
def test_impossible_windows_are_refused_before_training(
    word: str, message: str, train: Command, tmp_path: Path, refusal: Refusal
) -> None:
    assert train(*VOLUMES, word) == 2
    refusal(message)
    assert not (tmp_path / "runs").exists()
