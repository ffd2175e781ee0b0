"""What generated code sees, and the way back to the cases."""

import json
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from llmseg.cli import build
from llmseg.cli.entry import conf_folder, register_resolvers
from llmseg.data.datamodule import SegmentationData
from llmseg.data.files import read_header
from llmseg.errors import ConfigError
from llmseg.evaluation.cases import evaluate_cases
from llmseg.study.masks import check_predictions, suffix, write_mask
from llmseg.study.workspace import Workspace, make_workspace
from llmseg.study.written import Written


def sample(cache: Path, *words: str, dims: int = 2) -> SegmentationData:
    """The built-in sample as a study takes it."""
    register_resolvers()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        cfg = compose("study", ["author=local", f"paths.cache={cache}", *words])
    build.complete_data(cfg.data)
    data = build.build_data(build.plain(cfg.data), dims, cache, 0)
    data.prepare()
    return data


@pytest.fixture(scope="module")
def data(sample_cache: Path) -> SegmentationData:
    return sample(sample_cache, "data.image_size=32")


@pytest.fixture(scope="module")
def space(data: SegmentationData, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(data, tmp_path_factory.mktemp("spaces"), seed=0)


def test_training_pairs_and_test_images_and_nothing_else(space: Workspace) -> None:
    files = sorted(path.relative_to(space.data).as_posix() for path in space.data.rglob("*") if path.is_file())
    train, test = [f"{n:02}.png" for n in range(1, 73)], [f"{n:02}.png" for n in range(1, 25)]
    expected = [f"test/images/{name}" for name in test]
    expected += [f"train/{kind}/{name}" for kind in ("images", "masks") for name in train]
    assert files == sorted(expected)
    assert space.train == 72
    for path in space.data.rglob("*.png"):
        with Image.open(path) as image:
            assert (image.size, image.mode, image.info) == ((32, 32), "L", {})
        assert path.stat().st_mtime == 0
    values = {value for path in (space.data / "train" / "masks").iterdir() for value in np.unique(Image.open(path))}
    assert values == {0, 255}


def test_images_are_those_of_the_places_that_only_we_know(space: Workspace, data: SegmentationData) -> None:
    cases = {case.case.id: case for case in data.part("test")}
    places = list(space.test.values())
    assert sorted(places) == [(id_, index) for id_ in sorted(cases) for index in range(12)]
    assert places != sorted(places)
    for id_, (case, index) in space.test.items():
        seen = np.asarray(Image.open(space.data / "test" / "images" / f"{id_}.png"), dtype=float).ravel()
        assert np.corrcoef(seen, np.array(cases[case].image()[index, 0]).ravel())[0, 1] > 0.99


def test_the_folders_name_does_not_give_the_order_away(space: Workspace) -> None:
    """The box shows where its inputs come from: a program could draw the same numbers again."""
    random = np.random.default_rng(int(space.data.parent.name, 16))
    random.permutation(space.train)  # training images are written first
    cases = sorted({case for case, _ in space.test.values()})
    guessed = [[(case, index) for case in cases for index in range(12)][n] for n in random.permutation(24)]
    right = sum(guess == place for guess, place in zip(guessed, space.test.values(), strict=True))
    assert right < 8  # one is expected by chance


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((     \n", b""])
def test_files_that_are_no_arrays_break_the_contract_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.npy").write_bytes(content)
    fault = check_predictions(tmp_path, {"1": (4, 4, 4)}, 3)
    assert fault is not None
    assert fault.detail == "wrong_values"


def test_the_same_data_and_seed_are_the_same_workspace(
    space: Workspace, data: SegmentationData, tmp_path: Path
) -> None:
    assert make_workspace(data, tmp_path, seed=0).test == space.test
    assert make_workspace(data, tmp_path, seed=1).test != space.test
    again = make_workspace(data, tmp_path, seed=0)
    assert Workspace.from_json(again.to_json(), again.data) == again
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("dims", [2, 3])
def test_true_masks_are_scored_one_on_the_labels_grid(dims: int, sample_cache: Path, tmp_path: Path) -> None:
    """Without resampling, the author that paints the labels is right in every voxel."""
    first = next(iter((sample_cache / "mni152" / "imagesTr").glob("*")), None)
    size = list(read_header(first).shape[:2]) if first else [197, 233]
    data = sample(sample_cache, f"data.image_size={size}", dims=dims)
    space = make_workspace(data, tmp_path / "spaces", seed=0)
    cases = {case.case.id: case for case in data.part("test")}
    assert len(space.test) == (24 if dims == 2 else 2)
    (tmp_path / "out").mkdir()
    for id_, (case, index) in space.test.items():
        label = cases[case].label()
        assert label is not None
        write_mask(tmp_path / "out" / f"{id_}{suffix(dims)}", label[index, 0] > 0)
    assert check_predictions(tmp_path / "out", space.shapes, dims) is None
    rows = evaluate_cases(Written(tmp_path / "out", space, data.recipe), data.part("test")).rows
    assert [row["dice"] for row in rows] == [1.0, 1.0]
    assert [row["hd95_mm"] for row in rows] == [0.0, 0.0]


def test_what_cannot_be_shown_as_pictures(sample_cache: Path, tmp_path: Path) -> None:
    data = sample(sample_cache, "data.image_size=32", "data.classes=[grey_matter,white_matter]")
    with pytest.raises(ConfigError, match=r"choose one, such as data.classes=\[grey_matter\]"):
        make_workspace(data, tmp_path, seed=0)
    assert not any(tmp_path.iterdir())


def _save(folder: Path, **values: object) -> dict[str, tuple[int, int]]:
    folder.mkdir(exist_ok=True)
    for name, value in values.items():
        if isinstance(value, bytes):
            (folder / f"{name}.png").write_bytes(value)
        else:
            Image.fromarray(np.asarray(value, dtype=np.uint8)).save(folder / f"{name}.png")
    return {"a": (2, 3), "b": (2, 3)}


GOOD, ALL = [[0, 255, 0], [0, 0, 0]], [[255] * 3] * 2


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ({}, "no_predictions"),
        ({"other": GOOD}, "no_predictions"),
        ({"a": GOOD}, "wrong_count"),
        ({"a": GOOD, "b": [[0, 255]]}, "wrong_size"),
        ({"a": GOOD, "b": [[0, 1, 0]] * 2}, "wrong_values"),
        ({"a": GOOD, "b": b"no picture"}, "wrong_values"),
        ({"a": ALL, "b": ALL}, "trivial_masks"),
        ({"a": [[0] * 3] * 2, "b": [[0] * 3] * 2}, "trivial_masks"),
    ],
)
def test_predictions_that_are_refused(files: dict[str, object], detail: str, tmp_path: Path) -> None:
    fault = check_predictions(tmp_path, _save(tmp_path, **files), 2)
    assert fault is not None
    assert fault.detail == detail
    assert fault.is_silent == (detail == "trivial_masks")


def test_predictions_that_are_fine(tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_text("epoch\n")
    assert check_predictions(tmp_path, _save(tmp_path, a=GOOD, b=ALL, more=GOOD), 2) is None


def test_volumes_hold_nothing_but_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[[{}]]], dtype=object), allow_pickle=True)
    fault = check_predictions(tmp_path, {"a": (1, 1, 1)}, 3)
    assert fault is not None
    assert fault.detail == "wrong_values"


def test_json_of_a_workspace_names_no_folder(space: Workspace) -> None:
    assert set(json.loads(space.to_json())) == {"test", "shapes", "train", "channels", "spatial_dims"}
