"""Division of cases by patient."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseg.data.config import SplitConfig
from llmseg.data.readers import nnunet
from llmseg.data.split import Split, make_split
from llmseg.errors import ConfigError, DataError
from tests.data.make import cases, nnunet_folder, one_line, write_text

TEN = {f"c{number}": f"p{number}" for number in range(10)}


def _split_file(root: Path, **lists: list[str]) -> Path:
    return write_text(root / "split.json", json.dumps(lists))


@given(
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=25),
    test=st.sampled_from([0.1, 0.2, 0.5, 0.9]),
    val=st.sampled_from([0.0, 0.1, 0.3, 0.9]),
    seed=st.integers(0, 5),
)
def test_patients_stay_together_and_nobody_is_lost(sizes: list[int], test: float, val: float, seed: int) -> None:
    groups = {f"p{patient}_{scan}": f"p{patient}" for patient, size in enumerate(sizes) for scan in range(size)}
    split = make_split(cases(groups), SplitConfig(test=test, val=val, seed=seed), Path("nowhere"))
    parts = [split.train, split.val, split.test]
    assert sorted(sum(parts, ())) == sorted(groups)
    patients = [{groups[name] for name in part} for part in parts]
    assert sum(len(part) for part in patients) == len(sizes)
    assert patients[0]
    assert patients[2]
    assert bool(patients[1]) == (val > 0)


def test_shares_of_ten_patients() -> None:
    split = make_split(cases(TEN), SplitConfig(test=0.2, val=0.25), Path("nowhere"))
    assert (len(split.train), len(split.val), len(split.test)) == (6, 2, 2)


def test_order_of_the_cases_does_not_matter_but_the_seed_does() -> None:
    found = cases(TEN)
    one = make_split(found, SplitConfig(), Path("nowhere"))
    random.Random(0).shuffle(found)
    assert make_split(found, SplitConfig(), Path("nowhere")) == one
    assert len({make_split(found, SplitConfig(seed=seed), Path("nowhere")).test for seed in range(5)}) > 1


def test_test_part_does_not_depend_on_the_validation_share() -> None:
    tests = {make_split(cases(TEN), SplitConfig(val=val), Path("nowhere")).test for val in (0, 0.1, 0.5)}
    assert len(tests) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_patients(count: int) -> None:
    with pytest.raises(DataError) as caught:
        make_split(cases(dict(list(TEN.items())[:count])), SplitConfig(), Path("nowhere"))
    one_line(caught.value, f"{count} patient", "3 parts", "data.split.val=0")


def test_two_patients_are_enough_without_validation() -> None:
    split = make_split(cases({"a": "a", "b": "b"}), SplitConfig(val=0), Path("nowhere"))
    assert (len(split.train), len(split.val), len(split.test)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SplitConfig(test=1.0), "data.split.test=1.0"),
        (SplitConfig(val=-0.1), "data.split.val=-0.1"),
        (SplitConfig(val=20), "data.split.val=20"),
    ],
)
def test_shares_outside_their_range(config: SplitConfig, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_split(cases(TEN), config, Path("nowhere"))
    one_line(caught.value, words)


def test_official_split_keeps_its_order_and_gives_validation_from_training(tmp_path: Path) -> None:
    _split_file(tmp_path, train=["c9", "c3", "c1", "c7"], test=["c2", "c0"])
    split = make_split(cases(TEN), SplitConfig(val=0.25), tmp_path)
    assert split.test == ("c2", "c0")
    assert len(split.val) == 1
    assert [name for name in ("c9", "c3", "c1", "c7") if name not in split.val] == list(split.train)


def test_official_validation_list_is_respected(tmp_path: Path) -> None:
    _split_file(tmp_path, train=["c1"], val=["c5"], test=["c2"])
    assert make_split(cases(TEN), SplitConfig(), tmp_path) == Split(("c1",), ("c5",), ("c2",))


def test_file_of_the_configuration_goes_first(tmp_path: Path) -> None:
    _split_file(tmp_path, train=["c1"], val=[], test=["c2"])
    mine = write_text(tmp_path / "mine.json", json.dumps({"train": ["c4"], "val": [], "test": []}))
    assert make_split(cases(TEN), SplitConfig(file=str(mine)), tmp_path) == Split(("c4",), (), ())


def test_list_files(tmp_path: Path) -> None:
    write_text(tmp_path / "train.list", "c1\nc2\n\nc3\n")
    write_text(tmp_path / "test.list", "c4\r\nc5")
    assert make_split(cases(TEN), SplitConfig(val=0), tmp_path) == Split(("c1", "c2", "c3"), (), ("c4", "c5"))


def test_train_list_without_test_list(tmp_path: Path) -> None:
    write_text(tmp_path / "train.list", "c1")
    with pytest.raises(DataError) as caught:
        make_split(cases(TEN), SplitConfig(), tmp_path)
    one_line(caught.value, tmp_path / "test.list")


def test_test_folder_of_nnunet_is_the_test_part(tmp_path: Path) -> None:
    nnunet_folder(tmp_path, ["a", "b", "c"])
    nnunet_folder(tmp_path, ["t1", "t2"], part="Ts")
    split = make_split(nnunet.read(tmp_path), SplitConfig(), tmp_path)
    assert split.test == ("t1", "t2")
    assert sorted(split.train + split.val) == ["a", "b", "c"]


BROKEN: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "overlap": ({"train": ["c1", "c2"], "test": ["c2"]}, ("c2", "train", "test")),
    "overlap with validation": ({"train": ["c1"], "val": ["c1"], "test": ["c2"]}, ("c1", "train", "val")),
    "unknown": ({"train": ["c1", "zz"], "test": ["c2"]}, ("zz", "unknown")),
    "twice": ({"train": ["c1", "c1"], "test": ["c2"]}, ("c1", "twice")),
    "empty": ({"train": [], "test": ["c2"]}, ("training list is empty",)),
    "no train": ({"test": ["c2"]}, ("'train'",)),
    "no test": ({"train": ["c2"]}, ("'test'",)),
    "not a list": ({"train": "c1", "test": ["c2"]}, ("'train'", "list")),
    "numbers": ({"train": [1, 2], "test": ["c2"]}, ("'train'", "list")),
    "no validation patient": ({"train": ["c1"], "test": ["c2"]}, ("data.split.val=0",)),
    "patient on two sides": ({"train": ["c1", "c3"], "test": ["d1"]}, ("p1", "c1", "d1", "train", "test")),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_official_split(tmp_path: Path, fault: str) -> None:
    content, words = BROKEN[fault]
    path = write_text(tmp_path / "split.json", json.dumps(content))
    with pytest.raises(DataError) as caught:
        make_split(cases(TEN | {"d1": "p1"}), SplitConfig(), tmp_path)
    one_line(caught.value, path, *words)


def test_missing_split_file() -> None:
    with pytest.raises(DataError) as caught:
        make_split(cases(TEN), SplitConfig(file="missing.json"), Path("nowhere"))
    one_line(caught.value, "missing.json", "no such file")


def test_two_cases_of_one_id() -> None:
    with pytest.raises(DataError, match="'c1'"):
        make_split(cases(TEN) + cases({"c1": "other"}), SplitConfig(), Path("nowhere"))


def test_json_round_trip(tmp_path: Path) -> None:
    split = make_split(cases(TEN), SplitConfig(), tmp_path)
    assert Split.from_json(write_text(tmp_path / "run.json", split.to_json())) == split


def test_json_of_a_run_lists_all_parts(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Split.from_json(_split_file(tmp_path, train=["a"], test=["b"]))
    one_line(caught.value, tmp_path / "split.json", "'val'")


def test_official_splits_of_the_sample_data(sample_data: Path) -> None:
    root = sample_data / "Dataset104_Hippocampus"
    split = make_split(nnunet.read(root), SplitConfig(val=0), root)
    official = json.loads((root / "split.json").read_text())
    assert (list(split.train), list(split.test)) == (official["train"], official["test"])
    assert (len(split.train), len(split.test)) == (104, 26)


def test_left_out_patient_is_the_test_part_whatever_lists_there_are(tmp_path: Path) -> None:
    _split_file(tmp_path, train=["c0", "c1"], test=["c2"])
    found = cases({**TEN, "c1b": "p1"})
    by_patient = make_split(found, SplitConfig(leave_out="p1", val=0.0), tmp_path)
    assert by_patient.test == ("c1", "c1b")
    assert set(by_patient.train) == set(TEN) - {"c1"}
    assert make_split(found, SplitConfig(leave_out=["c1b"], val=0.0), tmp_path) == by_patient
    two = make_split(found, SplitConfig(leave_out=["p1", "c4"]), tmp_path)
    assert set(two.test) == {"c1", "c1b", "c4"}
    assert two.val


def test_nobody_of_that_name_to_leave_out() -> None:
    with pytest.raises(ConfigError, match=r"leave_out=p99: no such patient; there is p0") as caught:
        make_split(cases(TEN), SplitConfig(leave_out=["p1", "p99"]), Path("nowhere"))
    assert one_line(caught.value)
