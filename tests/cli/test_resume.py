"""A training that was stopped and goes on ends as one that was not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from llmseg.methods.base import SegmentationMethod
from llmseg.runs import load
from tests.cli.conftest import Command, call, runs_in
from tests.conftest import error_line
from tests.data.make import nnunet_folder

SHORT = ("trainer.max_epochs=3", "evaluate=false", "save_every_n_steps=2", "model.dropout=0.3")
STEPS = 15  # of batch 12: three epochs of the 60 training slices


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@contextmanager
def stopped_before(step: int, hook: str = "training_step") -> Iterator[None]:
    """Let the n-th call of a method's hook end the training."""
    plain, calls = getattr(SegmentationMethod, hook), 0

    def counted(self: SegmentationMethod, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == step:
            raise StoppedError
        return plain(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentationMethod, hook, counted)
        with pytest.raises(StoppedError):
            yield


def only_run(folder: Path) -> Path:
    """The one run below `folder`."""
    (run,) = runs_in(folder)
    return run


def content(run: Path, name: str = "last") -> dict[str, Any]:
    """A checkpoint."""
    loaded: dict[str, Any] = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return loaded


def assert_same(one: Any, two: Any, path: str = "") -> None:
    """Equality to the last bit of nested containers of tensors."""
    assert type(one) is type(two), path
    if isinstance(one, dict):
        assert one.keys() == two.keys(), path
        for key in one:
            assert_same(one[key], two[key], f"{path}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(two), path
        for index, (first, second) in enumerate(zip(one, two, strict=True)):
            assert_same(first, second, f"{path}[{index}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two), path
    else:
        assert one == two, path


def assert_same_end(run: Path, other: Path) -> None:
    """Weights, averages, optimiser, schedule, best checkpoint and logged numbers are the same."""
    first, second = content(run), content(other)
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "resume", "epoch_loss", "epoch", "global_step"):
        assert_same(first[key], second[key], key)
    for key in {"current_model_state", "averaging_state"} & first.keys():
        assert_same(first[key], second[key], key)
    assert_same(content(run, "best")["state_dict"], content(other, "best")["state_dict"])
    assert (run / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()
    assert {path.name for path in (other / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}


def stop_and_resume(train: Command, folder: Path, *words: str, step: int, hook: str = "training_step") -> Path:
    """A run stopped before a step and gone on with."""
    with stopped_before(step, hook):
        train(*SHORT, *words, f"name=stopped{step}")
    run = only_run(folder / "runs" / f"stopped{step}")
    assert call("train", f"resume={run}") == 0
    return run


@pytest.fixture
def whole(train: Command, tmp_path: Path) -> Path:
    """A run that nothing stopped."""
    assert train(*SHORT, "name=whole") == 0
    return only_run(tmp_path / "runs" / "whole")


def test_stopped_at_a_step(train: Command, tmp_path: Path, whole: Path) -> None:
    for step in (
        1,
        4,
        5,
        6,
    ):  # before the first checkpoint, inside an epoch, in its last batch, in the next one's first
        assert_same_end(whole, stop_and_resume(train, tmp_path, step=step))


@pytest.mark.slow
def test_stopped_at_any_step(train: Command, tmp_path: Path, whole: Path) -> None:
    for step in range(1, STEPS + 1):
        assert_same_end(whole, stop_and_resume(train, tmp_path, step=step))


@pytest.mark.slow
def test_stopped_in_validation_and_at_an_epoch_s_end(train: Command, tmp_path: Path, whole: Path) -> None:
    for hook in ("validation_step", "on_train_epoch_end"):
        for epoch in (1, 3):
            run = stop_and_resume(
                train, tmp_path / hook, f"paths.runs={tmp_path / hook / 'runs'}", step=epoch, hook=hook
            )
            assert_same_end(whole, run)


OPTIONS: dict[str, tuple[str, ...]] = {
    "averages and accumulation": (
        "callbacks=[default,ema]", "callbacks.ema.decay=0.8", "trainer.accumulate_grad_batches=2",
        "trainer.precision=bf16-mixed",
    ),
    "plateau and clipping": (
        "scheduler=plateau", "scheduler.patience=0", "trainer.gradient_clip_val=0.1",
        "method.gradient_checkpointing=true", "optimizer=sgd",
    ),
    "loader workers": ("data.workers=2", "model.spatial_dims=3", "data.patch_size=[16,16,16]", "data.batch_size=1"),
    "early stopping": ("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1", "optimizer.lr=0"),
    "steps": ("trainer.max_steps=13", "trainer.max_epochs=-1"),
}  # fmt: skip


QUICK = "averages and accumulation"


@pytest.mark.parametrize(
    "name", [QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OPTIONS if name != QUICK)]
)
def test_with_options(name: str, train: Command, tmp_path: Path) -> None:
    words = OPTIONS[name]
    assert train(*SHORT, *words, "name=whole") == 0
    whole = only_run(tmp_path / "runs" / "whole")
    for step in (4, 6):
        with stopped_before(step):
            train(*SHORT, *words, f"name=stopped{step}")
        run = only_run(tmp_path / "runs" / f"stopped{step}")
        assert call("train", f"resume={run}") == 0
        assert_same_end(whole, run)


@pytest.mark.slow
def test_a_longer_training_goes_on_from_the_end(train: Command, tmp_path: Path, whole: Path) -> None:
    assert train(*SHORT, "trainer.max_epochs=2", "scheduler=constant", "name=short") == 0
    run = only_run(tmp_path / "runs" / "short")
    assert train(f"resume={run}", "trainer.max_epochs=4") == 0
    assert train(*SHORT, "trainer.max_epochs=4", "scheduler=constant", "name=long") == 0
    long = only_run(tmp_path / "runs" / "long")
    assert_same(content(run)["state_dict"], content(long)["state_dict"])
    assert (run / "metrics.csv").read_bytes() == (long / "metrics.csv").read_bytes()
    assert (
        load(run).config["trainer"]["max_epochs"]
        == yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_epochs"]
    )
    assert train(f"resume={whole}", "trainer.max_epochs=6") == 0  # a cosine is stretched to the new end
    rates = [content(path)["lr_schedulers"][0] for path in (whole, long)]
    assert rates[0]["T_max"] == 6 * STEPS // 3
    assert rates[0]["_last_lr"] == pytest.approx([0], abs=1e-9)


def test_a_finished_run_says_so_and_is_scored_where_that_is_missing(
    train: Command, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole / "checkpoints" / "last.ckpt").read_bytes()
    assert call("train", f"resume={whole}", "evaluate=true") == 0
    assert "finished already, 3 epochs, 15 steps" in capsys.readouterr().out
    assert (whole / "cases.csv").is_file()
    kept = [(whole / name).read_bytes() for name in ("summary.json", "status.json")]
    assert call("train", f"resume={whole}") == 0
    assert [(whole / name).read_bytes() for name in ("summary.json", "status.json")] == kept
    assert (whole / "checkpoints" / "last.ckpt").read_bytes() == before


def test_what_may_not_change_is_named(train: Command, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(code: int, *words: object) -> str:
        capsys.readouterr()
        assert call("train", *words) == code
        return error_line(capsys.readouterr().err)

    before = (whole / "config.yaml").read_bytes()
    error = refused(2, f"resume={whole}", "model=gpt4o", "data.batch_size=4", "trainer.devices=2", "seed=0")
    assert "model, data.batch_size, trainer.devices differ from" in error
    assert "trainer.max_epochs=2: the run is in its epoch 3" in refused(2, f"resume={whole}", "trainer.max_epochs=2")
    assert "logger.mode differs from" in refused(2, f"resume={whole}", "logger.mode=online")  # it has logger=csv
    assert "no run folder" in refused(1, f"resume={whole.parent}")
    assert (whole / "config.yaml").read_bytes() == before

    config = yaml.safe_load(before)
    config["model"]["width"], config["data"]["name"] = 8, "other"
    (whole / "config.yaml").write_text(yaml.safe_dump(config))
    assert "data.name, model.width differ" in refused(1, f"resume={whole}")
    (whole / "config.yaml").write_bytes(before)

    last = whole / "checkpoints" / "last.ckpt"
    whole_file = last.read_bytes()
    last.write_bytes(whole_file[: len(whole_file) // 2])
    assert "damaged" in refused(1, f"resume={whole}")
    last.unlink()
    assert "last.ckpt: missing" in refused(1, f"resume={whole}")


@pytest.mark.slow
def test_only_one_process_at_a_time(
    train: Command, tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [sys.executable, "-c", f"import time; from pathlib import Path; from llmseg.runs import RunFolder; "
             f"from llmseg.runs.state import recorded\n"
             f"with recorded(RunFolder(Path({str(whole)!r}))): print('held', flush=True); time.sleep(60)"]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert call("train", f"resume={whole}", "trainer.max_epochs=4") == 1
        assert "another process trains in this folder" in capsys.readouterr().err
        other.kill()
    assert call("train", f"resume={whole}", "trainer.max_epochs=4") == 0  # what a dead process held is free


def test_a_moved_run_keeps_its_best_checkpoint(train: Command, tmp_path: Path) -> None:
    words = (*SHORT, "optimizer.lr=0")
    with stopped_before(12):
        train(*words, "name=here")
    run = only_run(tmp_path / "runs" / "here")
    moved = run.rename(tmp_path / "moved")
    best = (moved / "checkpoints" / "best.ckpt").read_bytes()
    assert call("train", f"resume={moved}") == 0
    assert (moved / "checkpoints" / "best.ckpt").read_bytes() == best
    assert {path.name for path in (moved / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}


def test_other_cases_in_the_folder_are_noticed(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = nnunet_folder(tmp_path / "own", [f"case{n}" for n in range(5)])
    words = ("data=nnunet", f"data.root={root}", "data.image_size=16", "model.depth=1", "data.batch_size=2")
    with stopped_before(8):
        train(*SHORT, *words)
    nnunet_folder(root, [f"case{n}" for n in range(7)])
    capsys.readouterr()
    assert call("train", f"resume={only_run(tmp_path / 'runs')}") == 1
    assert "other cases" in capsys.readouterr().err
