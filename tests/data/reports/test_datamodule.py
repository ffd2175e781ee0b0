"""Reports as batches: who is in which part, in what order, and what is refused at once."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from llmseg.data.reports.config import ColumnsConfig, ReportsConfig
from llmseg.data.reports.datamodule import ReportData
from llmseg.errors import ConfigError, DataError
from llmseg.resources import conf_folder
from tests.data.make import batches_from, one_line
from tests.data.reports.files import config, write


def table(file: Path, numbers: range) -> Path:
    rows = "".join(f"{n},p{n // 2},finding {n},impression {n}\n" for n in numbers)
    return write(file, "report_id,patient,findings,impression\n" + rows)


def data(file: Path, split: dict[str, Any] | None = None, **changes: Any) -> ReportData:
    return ReportData(config(file, split or {}, **{"batch_size": 3, **changes}), seed=5)


def names(loader: Any) -> list[list[str]]:
    return [[report.id for report in batch] for batch in loader]


def test_parts_and_patients(tmp_path: Path) -> None:
    module = data(table(tmp_path / "t.csv", range(40)), columns=ColumnsConfig(group="patient"))
    module.prepare()
    assert module.split is not None
    parts = {part: module.part(part) for part in ("train", "val", "test")}
    assert [len(parts[part]) for part in parts] == [32, 4, 4]
    assert len({report.group for part in parts.values() for report in part}) == 20
    assert sum(len({report.group for report in part}) for part in parts.values()) == 20
    assert [report.id for report in module.part("all")] == [str(n) for n in range(40)]
    assert module.patients["7"] == "p3"
    assert module.left_out == {}


def test_two_files_whose_rows_are_numbered_alike(tmp_path: Path) -> None:
    train, test = table(tmp_path / "train.csv", range(20)), table(tmp_path / "test.csv", range(4))
    module = data(train, test_file=str(test))
    assert [report.id for report in module.part("test")] == ["test:0", "test:1", "test:2", "test:3"]
    assert [report.line for report in module.part("test")] == [1, 2, 3, 4]
    assert (len(module.part("train")), len(module.part("val"))) == (18, 2)
    assert len(module.part("all")) == 24
    with pytest.raises(DataError) as caught:
        data(train, test_file=str(test), columns=ColumnsConfig(id="report_id")).prepare()
    one_line(caught.value, "data.test_file", "0, 1, 2, 3 in both train and test")
    clean = data(train, test_file=str(test), split={"rule": "dedup", "val": 0.0})
    assert [report.id for report in clean.part("train")] == [str(n) for n in range(4, 20)]
    assert clean.left_out == {"data.split": 4}


@pytest.mark.parametrize("workers", [0, 1])
def test_resumed_order_is_that_of_an_uninterrupted_training(workers: int, tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", range(12))

    def batches(start: tuple[int, int], epochs: range) -> list[list[str]]:
        module = data(file, {"test": 0, "val": 0}, workers=workers)
        return names(batches_from(module, start, epochs))

    whole = batches((0, 0), range(3))
    assert [len(batch) for batch in whole] == [3] * 12
    assert batches((1, 2), range(1, 3)) == whole[6:]
    first, second = ([name for batch in whole[4 * n : 4 * n + 4] for name in batch] for n in range(2))
    assert sorted(first) == sorted(second)
    assert whole[:4] != whole[4:8]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_without_overlap(world: int, tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", range(23))
    modules = [data(file, {"val": 0.5}) for _ in range(world)]
    for rank, module in enumerate(modules):
        module.trainer = SimpleNamespace(global_rank=rank, world_size=world, overfit_batches=0)  # type: ignore[assignment]
    dealt = [names(module.val_dataloader()) for module in modules]
    assert len({len(batches) for batches in dealt}) == 1
    seen = [name for batches in dealt for batch in batches for name in batch]
    assert sorted(seen) == sorted(report.id for report in modules[0].part("val"))
    trained = [name for module in modules for batch in names(module.train_dataloader()) for name in batch]
    assert max(Counter(trained).values()) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 0}, "data.batch_size=0"),
        ({"max_length": 0}, "data.max_length=0"),
        ({"language": "fr"}, "data.language=fr: choose null, en, zh"),
        ({"format": "alpaca"}, "data.format=alpaca: choose null, openi"),
        ({"too_long": "split"}, "data.too_long=split: choose drop, cut"),
        ({"empty": "keep"}, "data.empty=keep"),
        ({"split": {"rule": "patient"}}, "data.split.rule=patient: choose group, dedup, usual"),
        ({"split": {"test": 1.0}}, "data.split.test=1.0"),
        ({"split": {"file": "s.json"}, "test_file": "b.csv"}, "data.split.file and data.test_file"),
        ({"split": {"rule": "usual"}, "val_file": "b.csv"}, "data.split.rule=usual and data.val_file"),
        ({"split": {"rule": "usual", "file": "s.json"}}, "leave out one of them"),
        ({"columns": ColumnsConfig(input="findings")}, "data.columns.output: name it too"),
        ({"columns": ColumnsConfig(output="impression")}, "data.columns.input: name it too"),
        ({"columns": ColumnsConfig(input=["a", "b"], output="b")}, "the answer would be in the question"),
        ({"columns": ColumnsConfig(input=["a", "a"], output="b")}, "name each once"),
        ({"columns": ColumnsConfig(input=3, output="b")}, "give a name, or a list of names"),
    ],
)
def test_mistakes_that_need_no_file(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        data(Path("nowhere.csv"), **changes)
    one_line(caught.value, words)


def test_mistakes_that_a_file_shows(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.file: name a table"):
        ReportData(ReportsConfig(), 0)
    file = table(tmp_path / "t.csv", range(9))
    with pytest.raises(ConfigError, match="part=tset"):
        data(file).part("tset")
    with pytest.raises(ConfigError, match="usual: is Open-i's"):
        data(file, {"rule": "usual"}).prepare()
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        data(tmp_path / "nowhere.csv").prepare()


@pytest.mark.parametrize("name", ["reports", "openi"])
def test_configuration_files_say_what_the_dataclass_has(name: str) -> None:
    said = OmegaConf.load(conf_folder() / "data" / f"{name}.yaml")
    schema = OmegaConf.structured(ReportsConfig)
    merged = OmegaConf.merge(schema, said)
    assert OmegaConf.to_container(merged) == OmegaConf.to_container(said), "every key is there"
    if name == "reports":
        assert OmegaConf.to_container(said) == OmegaConf.to_container(schema)
