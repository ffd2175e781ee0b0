"""Division of reports: nothing on two sides, the sizes asked for, the same every time."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.data.reports.config import ReportSplitConfig
from llmseg.data.reports.sample import Report
from llmseg.data.reports.splits import divide, normalised, units_of
from llmseg.data.split import Split
from llmseg.errors import DataError
from tests.data.make import one_line


def report(number: int, text: str | None = None, group: str = "") -> Report:
    return Report(f"r{number}", text or f"text {number}", "out", group=group, line=number)


def split(reports: list[Report], beside: Path | None = None, **changes: Any) -> Split:
    return divide({"train": reports}, ReportSplitConfig(**changes), beside)


MANY = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=25, max_size=60)


@settings(max_examples=60, deadline=None)
@given(pairs=MANY, seed=st.integers(0, 3), test=st.sampled_from([0.1, 0.3]), val=st.sampled_from([0.0, 0.1, 0.5]))
def test_no_text_and_no_group_is_on_two_sides(pairs: list[tuple[int, int]], seed: int, test: float, val: float) -> None:
    texts = ["Lungs clear.", " lungs   CLEAR.", "lungs\nclear."]
    reports = [
        report(n, f"{texts[n % 3]} {text}" if text else None, f"p{group}" if group % 3 else "")
        for n, (text, group) in enumerate(pairs)
    ]
    units = set(units_of(reports).values())
    if len(units) < 3:
        return
    made = split(reports, rule="dedup", seed=seed, test=test, val=val)
    parts = [made.train, made.val, made.test]
    assert sorted(sum(parts, ())) == sorted(each.id for each in reports), "nobody is lost"
    assert made.train
    assert made.test
    assert bool(made.val) == (val > 0)
    for key in (normalised, lambda each: each.group or each.id):
        sides = [{key(each) for each in reports if each.id in part} for part in parts]
        assert sum(map(len, sides)) == len(set.union(*sides))


def test_what_belongs_together_through_others() -> None:
    chain = [report(1, "a", "p"), report(2, "A ", "q"), report(3, "b", "q"), report(4, "b"), report(5, "c")]
    units = units_of(chain)
    assert len({units[f"r{n}"] for n in (1, 2, 3, 4)}) == 1
    assert len(set(units.values())) == 2


def test_findings_count_and_not_what_stands_before_them() -> None:
    both = [Report(str(n), f"indication {n}\nClear.", "out", fields={"findings": "Clear."}) for n in range(2)]
    assert len(set(units_of(both).values())) == 1


def test_sizes_are_those_asked_for() -> None:
    reports = [report(n) for n in range(200)]
    for rule in ("group", "dedup"):
        made = split(reports, rule=rule, test=0.1, val=0.1)
        assert [len(made.train), len(made.val), len(made.test)] == [162, 18, 20]
    large = [report(n, f"text {n // 40}") for n in range(200)] + [report(n) for n in range(200, 400)]
    made = split(large, rule="dedup", test=0.1, val=0.0)
    assert 38 <= len(made.test) <= 42


def test_a_share_of_frequent_texts_is_held_out_as_of_rare_ones() -> None:
    reports = [report(n, f"common {n // 10}") for n in range(300)] + [report(n) for n in range(300, 600)]
    for seed in range(4):
        made = split(reports, rule="dedup", test=0.1, val=0.0, seed=seed)
        assert sum(int(id_[1:]) < 300 for id_ in made.test) == 30
        assert len(made.test) == 60


def test_order_does_not_matter_and_the_seed_does() -> None:
    reports = [report(n, f"text {n // 2}") for n in range(80)]
    shuffled = random.Random(0).sample(reports, len(reports))
    for rule in ("group", "dedup"):
        first, again = split(reports, rule=rule), split(shuffled, rule=rule)
        assert {part: set(getattr(first, part)) for part in ("train", "val", "test")} == {
            part: set(getattr(again, part)) for part in ("train", "val", "test")
        }
        assert set(split(reports, rule=rule, seed=1).test) != set(first.test)
        assert list(first.train) == sorted(first.train, key=lambda id_: int(id_[1:])), "in the order of the file"
        assert split(reports, rule=rule, val=0.3).test == first.test, "the test part is that of any validation share"


def test_a_split_made_once_stays(tmp_path: Path) -> None:
    made = split([report(n) for n in range(20)], test=0.2, val=0.25)
    assert (made.val, made.test) == (("r1", "r10", "r12", "r13"), ("r3", "r5", "r9", "r18")), "published tables need it"
    path = tmp_path / "split.json"
    path.write_text(made.to_json())
    assert split([report(n) for n in range(20)], beside=tmp_path, test=0.9) == made
    assert split([report(n) for n in range(20)], file=str(path)) == made


def test_few_reports() -> None:
    made = split([report(1), report(2), report(3)], test=0.1, val=0.1)
    assert [len(made.train), len(made.val), len(made.test)] == [1, 1, 1]
    made = split([report(n) for n in range(4)], test=0.9, val=0.9)
    assert [len(made.train), len(made.val), len(made.test)] == [1, 1, 2]
    assert split([report(1)], test=0, val=0) == Split(("r1",), (), ())
    with pytest.raises(DataError) as caught:
        split([report(1), report(2)])
    one_line(caught.value, "too few", "data.split.test=0")
    with pytest.raises(DataError) as same:
        split([report(n, "same") for n in range(9)], rule="dedup")
    one_line(same.value, "9 report(s) of 1 group(s)")


def test_further_files() -> None:
    train, test = [report(n) for n in range(20)], [report(n) for n in range(20, 25)]
    made = divide({"train": train, "test": test}, ReportSplitConfig(test=0.9, val=0.1), None)
    assert made.test == tuple(each.id for each in test)
    assert (len(made.train), len(made.val)) == (18, 2)
    three = divide({"train": train, "val": test}, ReportSplitConfig(test=0.1, val=0.9), None)
    assert three.val == tuple(each.id for each in test)
    assert (len(three.train), len(three.test)) == (18, 2)


def test_duplicates_across_files_are_left_out_of_training() -> None:
    train = [report(1, "a"), report(2, "b"), report(3, "c"), report(4, "d")]
    files = {"train": train, "val": [report(5, "B"), report(6, "x")], "test": [report(7, "A"), report(8, "x ")]}
    assert divide(files, ReportSplitConfig(rule="dedup"), None) == Split(("r3", "r4"), ("r5",), ("r7", "r8"))
    assert divide(files, ReportSplitConfig(), None) == Split(("r1", "r2", "r3", "r4"), ("r5", "r6"), ("r7", "r8"))
    for kept in (files, {"train": train, "test": files["test"]}):
        with pytest.raises(DataError, match="every training report"):
            divide({**kept, "train": train[:1]}, ReportSplitConfig(rule="dedup"), None)


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"train": ["r1"]}, "key 'test' is missing"),
        ({"train": ["r1", "r77"], "test": ["r2"]}, "unknown case(s) r77"),
        ({"train": ["r1", "r2"], "test": ["r2"]}, "r2 in both train and test"),
        ({"train": ["r1"], "test": ["r3"]}, "patient p is in both train (r1) and test (r3)"),
        ({"train": [], "test": ["r3"]}, "training list is empty"),
        ({"train": "r1", "test": ["r3"]}, "must be a list"),
    ],
)
def test_broken_lists(lists: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = tmp_path / "lists.json"
    path.write_text(json.dumps(lists))
    with pytest.raises(DataError) as caught:
        split([report(1, group="p"), report(2), report(3, group="p")], file=str(path))
    one_line(caught.value, "lists.json", words)
