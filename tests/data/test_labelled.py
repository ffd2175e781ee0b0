"""Which training cases keep their labels."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseg.data.cases import Case
from llmseg.data.config import DataConfig, SplitConfig
from llmseg.data.labelled import divide, require_labels
from llmseg.data.split import Split
from llmseg.errors import ConfigError, DataError
from tests.data.make import one_line, write_text


def many(count: int, bare: int = 0) -> dict[str, Case]:
    """Cases c00, c01, ..., each a patient's; the last `bare` have no label."""
    names = [f"c{number:02d}" for number in range(count)]
    return {
        name: Case(name, (Path(f"{name}.nii"),), None if number >= count - bare else Path(f"{name}_l.nii"), name)
        for number, name in enumerate(names)
    }


def config(root: Path, **keys: object) -> DataConfig:
    return DataConfig(name="x", source="", root=str(root), reader=None, **keys)  # type: ignore[arg-type]


def listed(root: Path, **lists: list[str]) -> Path:
    content = ", ".join(f'"{part}": {ids}'.replace("'", '"') for part, ids in lists.items())
    write_text(root / "split.json", f"{{{content}}}")
    return root


def test_the_first_of_the_list_are_labelled(tmp_path: Path) -> None:
    root = listed(tmp_path, train=["c03", "c01", "c00", "c02"], test=["c04"])
    split = divide(many(5), config(root, labelled=2))
    assert split == Split(("c03", "c01"), (), ("c04",), ("c00", "c02"))


def test_without_a_number_all_that_have_a_label_are(tmp_path: Path) -> None:
    root = listed(tmp_path, train=["c00", "c01", "c05"], val=["c02"], test=["c04"])
    split = divide(many(6, bare=1), config(root))
    assert split == Split(("c00", "c01"), ("c02",), ("c04",), ("c05",))


@given(labelled=st.integers(1, 12), seed=st.integers(0, 50), count=st.integers(16, 30))
def test_a_drawn_set_divides_the_training_cases(labelled: int, seed: int, count: int) -> None:
    cases, root = many(count), Path("/nowhere")
    drawn = divide(cases, config(root, labelled=labelled, labelled_seed=seed))
    all_ = divide(cases, config(root, split=SplitConfig(val=0.0)))
    assert len(drawn.train) == labelled
    assert drawn.test == all_.test
    assert sorted((*drawn.train, *drawn.unlabelled)) == sorted(all_.train)
    assert drawn == divide(dict(reversed(cases.items())), config(root, labelled=labelled, labelled_seed=seed))


def test_seeds_draw_different_cases() -> None:
    draws = {divide(many(30), config(Path("/nowhere"), labelled=4, labelled_seed=seed)).train for seed in range(5)}
    assert len(draws) == 5


def test_validation_costs_labels_unless_it_is_declared(tmp_path: Path) -> None:
    names = [f"c{number:02d}" for number in range(8)]
    split = divide(many(9), config(listed(tmp_path, train=names, test=["c08"]), labelled=4, labelled_val=1))
    assert (split.train, split.val) == (("c00", "c01", "c02"), ("c03",))
    assert split.unlabelled == tuple(names[4:])
    declared = listed(tmp_path / "declared", train=names[:6], val=names[6:], test=["c08"])
    split = divide(many(9), config(declared, labelled=4))
    assert (split.train, split.val, split.unlabelled) == (tuple(names[:4]), ("c06", "c07"), ("c04", "c05"))
    with pytest.raises(ConfigError) as caught:
        divide(many(9), config(declared, labelled=4, labelled_val=1))
    one_line(caught.value, "data.labelled_val")


def test_a_declared_list_of_unlabelled_cases(tmp_path: Path) -> None:
    root = listed(tmp_path, train=["c00", "c01"], unlabelled=["c02"], test=["c03"])
    assert divide(many(4), config(root, split=SplitConfig(val=0.0))) == Split(("c00", "c01"), (), ("c03",), ("c02",))
    root = listed(tmp_path, train=["c00", "c01"], unlabelled=["c01"], test=["c03"])
    with pytest.raises(DataError) as caught:
        divide(many(4), config(root))
    one_line(caught.value, "c01 in both train and unlabelled")


def test_an_unlabelled_scan_of_a_test_patient_is_left_out() -> None:
    cases = many(20)
    held_out = divide(cases, config(Path("/nowhere"), labelled=4)).test[0]
    cases["again"] = Case("again", (Path("again.nii"),), None, cases[held_out].group)
    cases["new"] = Case("new", (Path("new.nii"),), None, "somebody else")
    split = divide(cases, config(Path("/nowhere"), labelled=4))
    assert "new" in split.unlabelled
    assert not {"again"} & {*split.train, *split.unlabelled, *split.val, *split.test}


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"labelled": 0}, "data.labelled=0"),
        ({"labelled": 30}, "data.labelled=30"),
        ({"labelled": 4, "labelled_val": 4}, "data.labelled_val=4"),
        ({"labelled": 14, "labelled_seed": 1}, "data.labelled=14"),
        ({"labelled": 4, "fold": 0}, "data.fold"),
    ],
)
def test_what_cannot_be(keys: dict[str, int], word: str, tmp_path: Path) -> None:
    names = [f"c{number:02d}" for number in range(15)]
    root = listed(tmp_path, train=names, test=["c15"]) if "labelled_seed" in keys else Path("/nowhere")
    cases = many(16)
    if "labelled_seed" in keys:
        cases |= {name: replace(cases[name], label=None) for name in names[13:]}
    with pytest.raises(ConfigError) as caught:
        divide(cases, config(root, **keys))
    one_line(caught.value, word)


def test_a_listed_case_without_a_label_is_named(tmp_path: Path) -> None:
    root = listed(tmp_path, train=["c03", "c00", "c01"], test=["c02"])
    settings = config(root, labelled=2)
    cases = many(4, bare=1)
    with pytest.raises(DataError) as caught:
        require_labels(divide(cases, settings), cases, True, settings)
    one_line(caught.value, "c03")


def test_who_needs_unlabelled_cases_is_told_that_there_are_none(tmp_path: Path) -> None:
    settings = config(listed(tmp_path, train=["c00", "c01"], test=["c02"]))
    with pytest.raises(ConfigError) as caught:
        require_labels(divide(many(3), settings), many(3), True, settings)
    one_line(caught.value, "data.labelled")


def test_supervised_training_does_not_leave_cases_out_in_silence(tmp_path: Path) -> None:
    settings = config(listed(tmp_path, train=["c00", "c01", "c03"], test=["c02"]), split=SplitConfig(val=0.0))
    cases = many(4, bare=1)
    with pytest.raises(DataError) as caught:
        require_labels(divide(cases, settings), cases, False, settings)
    one_line(caught.value, "c03")
    require_labels(divide(cases, settings), cases, None, settings)  # a run of another method is scored


def test_validation_takes_whole_patients_from_labelled_and_unlabelled_cases() -> None:
    cases = {f"c{n:02d}": Case(f"c{n:02d}", (Path("x"),), Path("y"), f"p{n // 2}") for n in range(16)}
    for seed in (None, 0, 1, 2):
        settings = config(Path("/nowhere"), labelled=7, labelled_val=3, labelled_seed=seed)
        split = divide(cases, settings)
        sides = [{cases[id_].group for id_ in ids} for ids in (split.train, split.val, split.test, split.unlabelled)]
        train, val, test, unlabelled = sides
        assert len(split.val) >= 3
        assert not val & (train | test | unlabelled)
        assert not test & (train | unlabelled)


def test_nobody_left_to_train_on(tmp_path: Path) -> None:
    cases = {f"c{n}": Case(f"c{n}", (Path("x"),), Path("y"), "p" if n < 2 else f"q{n}") for n in range(4)}
    settings = config(listed(tmp_path, train=["c0", "c1", "c2"], test=["c3"]), labelled=2, labelled_val=1)
    with pytest.raises(ConfigError) as caught:
        divide(cases, settings)
    one_line(caught.value, "data.labelled_val=1")


def test_validation_cases_of_a_partly_labelled_list_have_labels(tmp_path: Path) -> None:
    names = [f"c{number:02d}" for number in range(12)]
    root = listed(tmp_path, train=names, test=["c12"])
    cases = many(13)
    cases |= {name: replace(cases[name], label=None) for name in names[6:]}
    for seed in range(8):
        settings = config(root, split=SplitConfig(val=0.2, seed=seed))
        split = divide(cases, settings)
        require_labels(split, cases, True, settings)
        assert split.val
        assert set(split.unlabelled) == set(names[6:])
