"""Training and scoring on pictures, in this process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from llmseg.plots import predictions
from llmseg.plots.cases import CasePicture
from tests.cli.conftest import Command, call, runs_in
from tests.conftest import Refusal
from tests.data.make import mask, noise, write_scan
from tests.data.make_pictures import disc, pairs_folder, photograph, write_picture

NAMES = [f"video{video}_{frame}" for video in range(5) for frame in range(2)]
BY_VIDEO = 'data.reader.group_pattern="^(video[0-9]+)_"'

Layout = Callable[[Path], Path]
ROOTS: dict[str, Layout] = {
    "images": lambda root: pairs_folder(root, NAMES),
    "bagls": lambda root: pairs_folder(root, NAMES),
    "bolus": lambda root: pairs_folder(root, NAMES, "images", "masks", ""),
    "brain": lambda root: pairs_folder(root, NAMES, "images", "Masks", "_m", (".jpg", ".jpg")),
    "skin": lambda root: pairs_folder(root, NAMES, "images", "masks", "", colour=True),
    "retina": lambda root: pairs_folder(
        root, NAMES, "combined_images/converted", "combined_masks/converted", "", (".jpg", ".jpg"), colour=True
    ),
}
"""Each data set in its own naming."""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[CasePicture]:
    """What the figures of a test show."""
    seen: list[CasePicture] = []
    draw = predictions.best_median_worst

    def record(cases: list[CasePicture], *rest: object) -> None:
        seen.extend(cases)
        draw(cases, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(predictions, "best_median_worst", record)
    return seen


@pytest.mark.parametrize("name", ROOTS)
def test_every_data_set_trains_and_is_scored(
    name: str, train: Command, tmp_path: Path, drawn: list[CasePicture]
) -> None:
    root = ROOTS[name](tmp_path / "pictures")
    assert train(f"data={name}", f"data.root={root}", BY_VIDEO, "data.split.test=0.2") == 0
    (run,) = runs_in(tmp_path / "runs")
    config = yaml.safe_load((run / "config.yaml").read_text())
    cases = pd.read_csv(run / "cases.csv")
    (video,) = cases["group"].unique()
    assert cases["case"].tolist() == [f"{video}_0", f"{video}_1"]
    assert cases["class"].unique().tolist() == config["data"]["classes"]
    assert (run / "figures" / "cases.png").read_bytes()[:4] == b"\x89PNG"
    for case in drawn:  # as they are looked at, neither turned nor mirrored
        seed = NAMES.index(case.id)
        np.testing.assert_array_equal(case.label[0], disc(seed))
        assert case.image.shape == disc(seed).shape
        assert case.predictions["prediction"].shape == case.label.shape
        assert case.image[disc(seed)].mean() > case.image[~disc(seed)].mean() + 30
        assert case.aspect == 1


@pytest.mark.slow
def test_colour_is_learnt_and_scored_at_the_pictures_own_size(
    train: Command, tmp_path: Path, drawn: list[CasePicture]
) -> None:
    root = pairs_folder(tmp_path / "pictures", NAMES, "images", "masks", "", colour=True)
    words = (f"data.root={root}", "data.modalities=[blue,red]", "data.classes=[disc]", "optimizer.lr=0.01")
    assert train("data=images", *words, "trainer.max_epochs=60", "data.batch_size=7", "data.split.test=0.3") == 0
    (run,) = runs_in(tmp_path / "runs")
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["model"]["in_channels"], config["model"]["out_channels"]) == (2, 1)
    assert pd.read_csv(run / "cases.csv")["dice"].mean() > 0.9
    assert all(case.predictions["prediction"].shape == (1, 24, 32) for case in drawn)
    again = tmp_path / "again"
    assert call("evaluate", f"run={run}", f"output={again}", f"paths.cache={tmp_path / 'cache'}") == 0
    assert (again / "cases.csv").read_bytes() == (run / "cases.csv").read_bytes()


def test_several_classes(train: Command, tmp_path: Path) -> None:
    for seed, name in enumerate(NAMES):
        numbers = disc(seed).astype(np.uint8)
        numbers[:, :16] *= 2
        write_picture(tmp_path / "pictures" / f"{name}.jpg", photograph(disc(seed), seed))
        write_picture(tmp_path / "pictures" / f"{name}_mask.png", numbers)
    words = ("data.reader.classes={right:1,left:2}", "data.classes=[left,right]", "evaluation.figures=false")
    assert train("data=images", f"data.root={tmp_path / 'pictures'}", *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    assert set(pd.read_csv(run / "cases.csv")["class"]) == {"left", "right"}
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["out_channels"] == 3


@pytest.mark.parametrize("dims", [2, 3])
def test_myoma_is_read_as_volumes(train: Command, tmp_path: Path, dims: int) -> None:
    root = tmp_path / "UMD"
    for number in range(5):
        write_scan(root / f"UMD_{number}_t2_0000.nii.gz", noise(number, (16, 16, 4)))
        write_scan(root / f"UMD_{number}_t2.nii.gz", mask((0, 1, 2, 3, 4), (16, 16, 4)))
    words = (f"data.root={root}", f"model.spatial_dims={dims}", "data.patch_size=[16,16,4]", "data.image_size=16")
    assert train("data=myoma", *words, "model.depth=1") == 0
    (run,) = runs_in(tmp_path / "runs")
    assert pd.read_csv(run / "cases.csv")["class"].tolist() == ["myoma"]


def test_faults_are_one_line(train: Command, tmp_path: Path, refusal: Refusal) -> None:
    root = pairs_folder(tmp_path / "pictures", NAMES)
    (root / f"{NAMES[3]}_seg.png").unlink()
    for words, code, expected in (
        (("data=images", f"data.root={root}"), 1, f"{NAMES[3]}.png: picture without a mask"),
        (("data=bagls", f"data.root={tmp_path / 'nowhere'}"), 1, "doi.org/10.1038/s41597-020-0526-3"),
        (("data=images", f"data.root={root}", "data.modalities=[gray]"), 2, "data.modalities"),
        (("data=images",), 2, "data.root"),
        (
            ("data=images", f"data.root={root}", "data.reader.mask_sufix=_seg"),
            2,
            "did you mean data.reader.mask_suffix",
        ),
    ):
        assert train(*words) == code
        refusal(expected)
    assert not (tmp_path / "runs").exists()


def test_a_3d_network_is_refused(train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = pairs_folder(tmp_path / "pictures", NAMES)
    assert train("data=images", f"data.root={root}", "model.spatial_dims=3") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: model.spatial_dims=3: images holds pictures, which have two; choose a 2D network, ")
    assert error.endswith("model.spatial_dims=2 where it has both\n")
    assert not (tmp_path / "runs").exists()
