"""Options of the training."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from llmseg.methods.base import SegmentationMethod
from llmseg.runs import load
from tests.cli.conftest import Command
from tests.cli.test_resume import assert_same, content, only_run
from tests.conftest import Refusal


def test_last_is_the_end_and_best_is_the_best(train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning's own last.ckpt is written only together with a new best."""
    scores = iter([0.5, 0.7, 0.6, 0.1])
    plain = SegmentationMethod.on_validation_epoch_end

    def scripted(self: SegmentationMethod) -> None:
        plain(self)
        self.log("val/score", next(scores))

    monkeypatch.setattr(SegmentationMethod, "on_validation_epoch_end", scripted)
    assert train("trainer.max_epochs=4", "evaluate=false", "callbacks.checkpoint.monitor=val/score") == 0
    run = only_run(tmp_path / "runs")
    assert content(run)["global_step"] == 4 * 5
    assert content(run, "best")["global_step"] == 2 * 5


def test_every_epoch_has_an_order_of_its_own(train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = batches(monkeypatch)
    assert train("trainer.max_epochs=3", "evaluate=false", "augment=none") == 0
    assert len(seen) == 3 * 5
    assert not any(torch.equal(seen[0], other) for other in (seen[5], seen[10]))


@pytest.mark.parametrize("words", [(), ("model.spatial_dims=3", "data.patch_size=[16,16,16]", "data.batch_size=1")])
def test_overfitting_sees_two_batches_again_and_again(
    words: tuple[str, ...], train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = batches(monkeypatch)
    assert train("debug=overfit", "trainer.max_epochs=3", *words) == 0
    assert len(seen) == 3 * 2
    assert not torch.equal(seen[0], seen[1])
    for first, second, third in zip(*[iter([*seen[::2], *seen[1::2]])] * 3, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)


def batches(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What tells a training's augmented batches apart, filled in during the training."""
    seen: list[torch.Tensor] = []
    plain = SegmentationMethod.augmented

    def noted(self: SegmentationMethod, batch: Any) -> Any:
        made = plain(self, batch)
        seen.append(made[0].flatten(1).sum(dim=1))
        return made

    monkeypatch.setattr(SegmentationMethod, "augmented", noted)
    return seen


def test_the_averaged_network_is_the_one_that_is_scored(
    train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: a <- 0.8 a + 0.2 w after every step, for weights and batch norm statistics alike."""
    averages: dict[str, torch.Tensor] = {}

    def follow(self: SegmentationMethod, *_: Any) -> None:
        for key, value in self.net.state_dict().items():
            if value.is_floating_point():
                new = value.clone()
                averages[key] = new if key not in averages else averages[key].lerp(new, 0.2)

    monkeypatch.setattr(SegmentationMethod, "on_train_batch_end", follow)
    words = ("callbacks=[default,ema]", "callbacks.ema.decay=0.8", "trainer.max_epochs=2", "optimizer.lr=0.01")
    assert train(*words, "evaluation.checkpoints=[last]") == 0
    run = only_run(tmp_path / "runs")
    loaded = load(run).net.state_dict()
    for key, value in averages.items():
        torch.testing.assert_close(loaded[key], value, rtol=1e-5, atol=1e-6)
    current = content(run)["current_model_state"]
    assert any(not torch.equal(current[f"net.{key}"], loaded[key]) for key in loaded)


def test_two_accumulated_batches_are_one_of_twice_the_size(train: Command, tmp_path: Path) -> None:
    shared = ("augment=none", "model.norm=false", "trainer.max_epochs=1", "evaluate=false", "optimizer=sgd",
              "loss=bce", "scheduler=constant", "trainer.limit_train_batches=1.0")  # fmt: skip
    assert train(*shared, "name=one", "data.batch_size=30") == 0
    assert train(*shared, "name=two", "data.batch_size=15", "trainer.accumulate_grad_batches=2") == 0
    one, two = (content(only_run(tmp_path / "runs" / name)) for name in ("one", "two"))
    assert one["global_step"] == two["global_step"] == 2
    for key, value in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][key], value, rtol=1e-4, atol=1e-6)


def test_early_stopping(train: Command, tmp_path: Path) -> None:
    words = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=2", "optimizer.lr=0")
    assert train(*words, "trainer.max_epochs=20", "evaluate=false", "model.norm=false") == 0
    assert content(only_run(tmp_path / "runs"))["epoch"] == 3  # one best, two without a better one


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("scheduler=plateau", "data.split.val=0"), "scheduler=plateau: watches val/loss"),
        (("scheduler=plateau", "trainer.limit_val_batches=0"), "trainer.limit_val_batches=0"),
        (("scheduler=plateau", "trainer.check_val_every_n_epoch=2"), "check_val_every_n_epoch=2"),
        (("callbacks=[default,early_stopping]", "data.split.val=0"), "callbacks.early_stopping: watches val/dice"),
        (("save_every_n_steps=0",), "save_every_n_steps=0"),
        (("method.compile=sometimes",), "method.compile=sometimes"),
        (("method.compile=true", "method.gradient_checkpointing=true"), "method.compile=true"),
        (("trainer.max_epochs=-1",), "trainer.max_epochs=-1: without an end"),
        (("trainer=fsdp",), "this machine has none"),
    ],
)
def test_what_cannot_work_is_said_before_the_training(
    words: tuple[str, ...], expected: str, train: Command, tmp_path: Path, refusal: Refusal
) -> None:
    given = [word for word in words if word != "trainer=fsdp"]
    if words == ("trainer=fsdp",):
        if torch.cuda.is_available():
            pytest.skip("this machine has GPUs")
        given = ["trainer=fsdp", "trainer.accelerator=gpu"]
    assert train(*given) == 2
    refusal(expected)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("choice", "expected"), [("auto", 0), ("true", 1), ("false", 0)])
def test_compile(choice: str, expected: int, train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def compile_eagerly(module: nn.Module) -> None:
        compiled.append(module)
        module._compiled_call_impl = torch.compile(module._call_impl, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", compile_eagerly)
    assert train(f"method.compile={choice}", "evaluate=false", "callbacks=[default,ema]") == 0
    assert len(compiled) == expected  # auto is off on a CPU
    assert not any("_orig_mod" in key for key in content(only_run(tmp_path / "runs"))["state_dict"])
    assert load(only_run(tmp_path / "runs")).net is not None


@pytest.mark.slow
def test_looking_for_a_learning_rate_trains_nothing(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("lr_find=true", "loss=bce") == 0
    printed = capsys.readouterr().out
    rate = float(printed.partition("train with optimizer.lr=")[2].split()[0])
    assert 1e-6 < rate < 1
    run = only_run(tmp_path / "runs")
    assert (run / "figures" / "lr_find.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(run.rglob("*.ckpt"))
    assert not (run / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("steps", "way"), [(0, "there is nothing to go on with"), (2, "to go on: python train.py resume=")]
)
def test_a_stopped_training_says_how_to_go_on(
    steps: int, way: str, train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(self: SegmentationMethod, batch: Any, index: int) -> Any:
        if self.global_step == steps:
            raise KeyboardInterrupt
        return step(self, batch, index)

    step = SegmentationMethod.training_step
    monkeypatch.setattr(SegmentationMethod, "training_step", interrupted)
    assert train("save_every_n_steps=1") == 130
    assert f"{way}{only_run(tmp_path / 'runs') if steps else ''}\n" in capsys.readouterr().out


def test_a_group_of_one_process_ends_with_its_training(train: Command) -> None:
    """Otherwise the processes of a sweep's next job would meet at an address that is taken."""
    places = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
    before = [os.environ.get(name) for name in places]
    assert train("trainer=ddp", "trainer.devices=1", "trainer.max_epochs=1", "evaluate=false") == 0
    assert not torch.distributed.is_initialized()
    assert [os.environ.get(name) for name in places] == before


@pytest.mark.slow
def test_validation_of_two_processes_is_that_of_one(train: Command, tmp_path: Path) -> None:
    """Weights that do not move: what differs could only be how cases are dealt and scores are put together."""
    words = ("optimizer.lr=0", "model.norm=false", "data.split.val=0.5", "data.batch_size=6")
    for devices in (1, 2):
        assert train(*words, f"trainer.devices={devices}", f"name={devices}") == 0
    one, two = (only_run(tmp_path / "runs" / name) for name in "12")
    assert len(json.loads((one / "split.json").read_text())["val"]) % 2 == 1  # one process gets a filler
    assert_same(content(one)["state_dict"], content(two)["state_dict"])
    first, second = (pd.read_csv(run / "metrics.csv")[["val/loss", "val/dice"]].dropna() for run in (one, two))
    pd.testing.assert_frame_equal(first.reset_index(drop=True), second.reset_index(drop=True), rtol=1e-6)
    assert (one / "cases.csv").read_bytes() == (two / "cases.csv").read_bytes()
