"""Which runs the page offers."""

from pathlib import Path

import pytest

from llmseg.errors import UserError
from llmseg.runs import RunFolder
from llmseg.web.offers import find_offers
from llmseg.web.shelf import Shelf
from tests.inference.make_run import threshold_run
from tests.web.make_runs import box_run, report_run, stub_run


def test_runs_are_told_apart_by_what_they_do(tmp_path: Path) -> None:
    threshold_run(tmp_path / "la" / "1", 3)
    report_run(tmp_path / "openi" / "1")
    report_run(tmp_path / "ct" / "1", "zh")
    box_run(tmp_path / "boxes" / "1")
    (stub_run(tmp_path / "unfinished" / "1") / "checkpoints" / "last.ckpt").unlink()
    kinds = {offer.name: offer.kind for offer in find_offers([tmp_path])}
    assert kinds == {"la/1": "segment", "openi/1": "impression", "ct/1": "advice", "boxes/1": "locate"}


def test_a_run_named_twice_is_offered_once_and_equal_names_are_told_apart(tmp_path: Path) -> None:
    first, second = report_run(tmp_path / "a" / "x" / "1"), report_run(tmp_path / "b" / "x" / "1")
    assert [offer.name for offer in find_offers([first, first.parent])] == ["x/1"]
    assert [offer.name for offer in find_offers([tmp_path])] == [str(first), str(second)]


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_place_without_runs_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"{name}: no run with a checkpoint"):
        find_offers([tmp_path / name])
    with pytest.raises(UserError, match="at least one"):
        find_offers([])


def test_models_are_loaded_once_and_the_last_used_kept(tmp_path: Path) -> None:
    for name in "abc":
        report_run(tmp_path / name / "1")
    a, b, c = find_offers([tmp_path])
    loaded: list[str] = []

    def load(run: RunFolder) -> str:
        loaded.append(run.path.parent.name)
        return run.path.parent.name

    get = Shelf(2).getter(load)
    assert [get(offer) for offer in (a, a, b, a, c, a, b)] == ["a", "a", "b", "a", "c", "a", "b"]
    assert loaded == ["a", "b", "c", "b"]
