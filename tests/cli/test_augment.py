"""`augment=...`: a ready-made augmentation, on the command line."""

from pathlib import Path

import pytest

from llmseg.runs import load
from tests.cli.conftest import Command, runs_in
from tests.conftest import Refusal


@pytest.mark.parametrize(
    "words",
    [
        ("model.spatial_dims=2", "data.augment.flip=[0]"),
        ("model.spatial_dims=3", "data.patch_size=[16,16,8]", "data.augment.rotate=[0,0,30]", "data.spacing=[4,4,4]"),
    ],
)
def test_strong_augmentation_trains(words: tuple[str, ...], train: Command, tmp_path: Path) -> None:
    limits = ("trainer.limit_train_batches=2", "trainer.limit_val_batches=0", "data.augment.probability=0.9")
    assert train("augment=strong", "evaluate=false", *limits, *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    config = load(run).config
    assert config["data"]["augment"]["elastic"] == 0.03
    assert config["choices"]["augment"] == "strong"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("data.augment.elastic=0.5", "data.augment.elastic=0.5: choose 0 to 0.08"),
        ("data.augment.rotat=3", "did you mean data.augment.rotate?"),
        ("augment=stronger", "did you mean strong?"),
    ],
)
def test_mistakes_are_one_line(words: str, said: str, train: Command, refusal: Refusal) -> None:
    assert train(words) == 2
    refusal(said)
