"""Slices with boxes as batches: who is in which part, and in what order."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image

from llmseg.data.boxes.config import BoxesConfig
from llmseg.data.boxes.datamodule import BoxData
from llmseg.data.boxes.pictures import load
from llmseg.data.boxes.sample import Sample
from llmseg.data.config import SplitConfig
from llmseg.errors import ConfigError, DataError
from tests.data.boxes.slices import data_root, line, summary
from tests.data.make import batches_from, one_line, write_text


def data(root: Path, seed: int = 0, **changes: Any) -> BoxData:
    given = {"root": str(root), "batch_size": 3, "split": SplitConfig(test=0.2, val=0.25), **changes}
    return BoxData(BoxesConfig(**given), seed)


def key(sample: Sample) -> tuple[str, Any, bytes]:
    return next(iter(sample.record.images.values())).name, sample.boxes, sample.images["t2f"].tobytes()


def keys(batches: Any) -> list[list[tuple[str, Any, bytes]]]:
    return [[key(sample) for sample in batch] for batch in batches]


def test_patients_are_on_one_side(tmp_path: Path) -> None:
    module = data(data_root(tmp_path, scans=2))
    module.prepare()
    assert module.split is not None
    lists = json.loads(module.split.to_json())
    groups = {part: {name.rpartition("-")[0] for name in lists[part]} for part in ("train", "val", "test")}
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 6
    assert all(groups.values())
    for part in ("train", "val", "test"):
        assert {sample.record.group for sample in module.part(part)} == groups[part]
    assert len(module.part("all")) == sum(len(module.part(part)) for part in groups) == 24


def test_official_split_and_one_patient_left_out(tmp_path: Path) -> None:
    root = data_root(tmp_path, 4)
    lists = {"train": ["BraTS-GLI-00003-000", "BraTS-GLI-00000-000"], "val": ["BraTS-GLI-00001-000"]}
    write_text(root / "split.json", json.dumps({**lists, "test": ["BraTS-GLI-00002-000"]}))
    for path in (root, root / "summary.jsonl"):
        train = data(path).part("train")
        assert [sample.record.group for sample in train] == ["BraTS-GLI-00003"] * 2 + ["BraTS-GLI-00000"] * 2
    module = data(root, split=SplitConfig(val=0.0, leave_out="BraTS-GLI-00001"))
    assert {sample.record.group for sample in module.part("test")} == {"BraTS-GLI-00001"}
    assert len(module.part("train")) == 6
    assert module.part("val") == []
    assert len(module.val_dataloader()) == 0


def test_samples_are_what_the_file_says(tmp_path: Path) -> None:
    for sample in data(data_root(tmp_path, 2), split=SplitConfig(test=0.5, val=0)).part("all"):
        assert list(sample.images) == ["t2f", "t2w", "t1n", "t1c"]
        assert sample.size == (20, 16)
        assert sample.boxes == sample.record.boxes
        np.testing.assert_array_equal(sample.images["t1n"], Image.open(sample.record.images["t1n"]))


def test_sequences_in_the_order_asked_for_as_far_as_there(tmp_path: Path) -> None:
    lines = [line(tmp_path, f"P{n}_1", **({"t1c__Sagittal_path": None} if n else {})) for n in range(3)]
    summary(tmp_path, lines)
    found = data(tmp_path, sequences=["t1c", "t2f"], split=SplitConfig(test=0, val=0)).part("all")
    assert [list(sample.images) for sample in found] == [["t1c", "t2f"], ["t2f"], ["t2f"]]
    with pytest.raises(DataError) as caught:
        data(tmp_path, sequences=["t1c"]).prepare()
    one_line(caught.value, "line 2", "t2f, t2w, t1n")
    with pytest.raises(ConfigError) as missing:
        data(tmp_path, sequences=["t2ff"]).prepare()
    one_line(missing.value, "did you mean 't2f'?")


@pytest.mark.parametrize("workers", [0, 1])
def test_resumed_order_is_that_of_an_uninterrupted_training(workers: int, tmp_path: Path) -> None:
    root = data_root(tmp_path)
    no_test = SplitConfig(test=0, val=0)

    def batches(start: tuple[int, int], epochs: range) -> list[Any]:
        module = data(root, seed=5, split=no_test, workers=workers)
        return keys(batches_from(module, start, epochs))

    whole = batches((0, 0), range(3))
    assert len(whole) == 12
    assert batches((1, 2), range(1, 3)) == whole[6:]
    assert Counter(name for batch in whole[:4] for name, *_ in batch) == Counter(
        name for batch in whole[4:8] for name, *_ in batch
    )
    assert whole[:4] != whole[4:8]


def of_process(module: BoxData, rank: int, world: int) -> BoxData:
    module.trainer = SimpleNamespace(global_rank=rank, world_size=world, overfit_batches=0)  # type: ignore[assignment]
    return module


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_without_overlap(world: int, tmp_path: Path) -> None:
    root = data_root(tmp_path, 9)
    split = SplitConfig(test=0.1, val=0.5)
    modules = [of_process(data(root, split=split, batch_size=2), rank, world) for rank in range(world)]
    dealt = [list(module.val_dataloader()) for module in modules]
    assert len({len(batches) for batches in dealt}) == 1
    names = [key(sample)[0] for batches in dealt for batch in batches for sample in batch]
    assert Counter(names) == Counter(key(sample)[0] for sample in modules[0].part("val"))
    trained = [sample[0] for module in modules for batch in keys(module.train_dataloader()) for sample in batch]
    assert max(Counter(trained).values()) == 1


def test_validation_is_not_augmented(tmp_path: Path) -> None:
    module = data(data_root(tmp_path))
    for batch in module.val_dataloader():
        for sample in batch:
            assert sample.boxes == sample.record.boxes


class _Mean(pl.LightningModule):
    """One weight; remembers the names and boxes that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[int] = []

    def training_step(self, batch: list[Sample], _: int) -> torch.Tensor:
        self.seen.append(len(batch))
        target = torch.tensor([float(sample.images["t2f"].mean()) for sample in batch]).mean() / 255
        return (self.weight - target) ** 2

    def validation_step(self, batch: list[Sample], _: int) -> None:
        assert all(isinstance(sample, Sample) for sample in batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def test_lightning_trains_on_it(tmp_path: Path) -> None:
    module = data(data_root(tmp_path), drop_last=False)
    net = _Mean()
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False, num_sanity_val_steps=1,
    )  # fmt: skip
    trainer.fit(net, datamodule=module)
    assert net.seen == [3, 3, 2] * 2
    assert net.weight.item() != 0


def test_sixteen_bits_and_colour_become_eight_bits_of_grey(tmp_path: Path) -> None:
    deep = np.array([[0, 257 * 7], [257 * 200, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(load(tmp_path / "deep.png"), [[0, 7], [200, 255]])
    Image.fromarray(np.full((2, 3, 3), 90, np.uint8)).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(load(tmp_path / "colour.png"), np.full((2, 3), 90))


def test_mistakes(tmp_path: Path) -> None:
    for changes, words in (
        ({"batch_size": 0}, "data.batch_size=0"),
        ({"sequences": []}, "data.sequences=[]"),
        ({"sequences": ["t2f", "t2f"]}, "name each once"),
    ):
        with pytest.raises(ConfigError) as caught:
            data(tmp_path, **changes)  # type: ignore[arg-type]
        one_line(caught.value, words)
    with pytest.raises(DataError, match="no such file: make one"):
        data(tmp_path).prepare()
    with pytest.raises(ConfigError, match="part=tset"):
        data(data_root(tmp_path)).part("tset")
    summary(tmp_path, [line(tmp_path, box=[[0, 0, 21, 3]])])
    with pytest.raises(DataError, match="line 1: box"):
        data(tmp_path).prepare()


def test_configuration_file_says_what_the_dataclass_says() -> None:
    from omegaconf import OmegaConf

    from llmseg.resources import conf_folder

    said = OmegaConf.load(conf_folder() / "data" / "boxes.yaml")
    assert OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(BoxesConfig), said)) == replace(BoxesConfig())
    assert OmegaConf.to_container(said) == OmegaConf.to_container(OmegaConf.structured(BoxesConfig))
