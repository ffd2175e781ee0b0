"""Preprocessed cases on disk."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llmseg.data.cache import Cache
from llmseg.data.preprocessing import Recipe, prepare
from llmseg.data.scan import encode_label, load_scan
from llmseg.errors import DataError, UserError
from tests.data.make import case, noise, one_line, write_scan

RECIPE = Recipe(("one", "two"), False, "RAS", None, "zscore", None, False, 2, None)


def test_an_entry_holds_what_preprocessing_gave(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    cached = Cache(tmp_path / "cache", RECIPE).get(one)
    scan = load_scan(one)
    assert scan.label is not None
    expected = prepare(scan, encode_label(scan.label, one.labels, RECIPE.classes, False), RECIPE)
    np.testing.assert_array_equal(cached.image(), expected.image)
    np.testing.assert_array_equal(cached.label(), expected.label)
    assert cached.geometry() == expected.geometry


def test_sampled_voxels_lie_in_their_class(tmp_path: Path) -> None:
    cached = Cache(tmp_path / "cache", RECIPE).get(case(tmp_path / "a"))
    label = cached.label()
    assert label is not None
    for index, *where in cached.voxels():
        assert label[where[0], 0, *where[1:]] == index + 1
    assert len(cached.voxels()) == (label > 0).sum()


def test_a_second_request_reads_the_entry(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    cache = Cache(tmp_path / "cache", RECIPE)
    first = cache.get(one)
    before = (first.folder / "image.npy").stat().st_mtime_ns
    assert cache.get(one).folder == first.folder
    assert (first.folder / "image.npy").stat().st_mtime_ns == before


def test_changed_file_recipe_or_classes_make_another_entry(tmp_path: Path) -> None:
    one = case(tmp_path / "a")
    folder = tmp_path / "cache"
    first = Cache(folder, RECIPE).get(one).folder
    assert Cache(folder, replace(RECIPE, intensity="minmax")).get(one).folder != first
    assert Cache(folder, replace(RECIPE, classes=("two",))).get(one).folder != first
    write_scan(one.images[0], noise(5))
    os.utime(one.images[0], ns=(1, 1))
    assert Cache(folder, RECIPE).get(one).folder != first


def test_a_broken_case_leaves_nothing_behind(tmp_path: Path) -> None:
    good, bad = case(tmp_path / "a"), case(tmp_path / "b")
    bad.images[0].write_bytes(bad.images[0].read_bytes()[:60])
    cache = Cache(tmp_path / "cache", RECIPE)
    with pytest.raises(DataError) as error:
        cache.get_all([good, bad])
    one_line(error.value, bad.images[0])
    assert [path.name[:2] for path in (tmp_path / "cache").iterdir()] == ["a-"]


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(UserError) as error:
        Cache(tmp_path / "cache", RECIPE).get(case(tmp_path / "a"))
    one_line(error.value, "paths.cache")
