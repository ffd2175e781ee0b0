"""Reading runs again."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from llmseg.errors import ConfigError, UserError
from llmseg.models import UNet
from llmseg.models.build import build_network
from llmseg.runs import RunFolder, collect, load
from tests.data.make import one_line

NODE: dict[str, Any] = {
    "_target_": "llmseg.models.UNet",
    "in_channels": 1,
    "out_channels": 2,
    "width": 4,
    "depth": 2,
}


def write_run(parent: Path, node: dict[str, Any]) -> tuple[RunFolder, torch.nn.Module]:
    """A run folder with a checkpoint as training writes it."""
    net = UNet(in_channels=1, out_channels=2, width=4, depth=2)
    run = RunFolder.create(parent, "x")
    config = {"model": node, "seed": 3, "choices": {"model": "unet"}}
    run.write_config(config)
    run.checkpoints.mkdir()
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    torch.save({"llmseg": config, "state_dict": state}, run.checkpoints / "last.ckpt")
    return run, net


def test_a_loaded_network_computes_what_the_saved_one_did(tmp_path: Path) -> None:
    run, net = write_run(tmp_path, NODE)
    image = torch.rand(2, 1, 16, 16)
    for path in (run.path, run.checkpoint("last")):
        trained = load(path)
        assert not trained.net.training
        assert torch.equal(trained.net(image), net.eval()(image))
        assert trained.config["seed"] == 3


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run, _ = write_run(tmp_path, NODE)
    file = run.checkpoint("last")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError) as error:
        load(run.path)
    one_line(error.value, file)


class Trap:
    """Writes a file when it is unpickled or called."""

    def __init__(self, path: str = "trap") -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    run, _ = write_run(tmp_path, NODE)
    torch.save({"llmseg": Trap(str(tmp_path / "harm")), "state_dict": {}}, run.checkpoints / "last.ckpt")
    with pytest.raises(UserError):
        load(run.path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("target", ["os.mkdir", "subprocess.Popen", "builtins.dict", "", "llmseg.models.Unknown"])
def test_only_networks_are_ever_called(target: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        build_network({"_target_": target, "path": str(tmp_path / "harm")})
    one_line(error.value, "model._target_")
    assert not (tmp_path / "harm").exists()


def test_arguments_that_do_not_fit_are_one_line() -> None:
    with pytest.raises(ConfigError) as error:
        build_network({**NODE, "wdith": 3})
    one_line(error.value, "wdith")


def test_collect_is_one_row_a_finished_run(tmp_path: Path) -> None:
    for dice in (0.5, 0.75):
        run, _ = write_run(tmp_path, NODE)
        run.write_json("summary.json", {"mean": {"dice": dice}})
    write_run(tmp_path, NODE)  # not finished
    frame = collect(tmp_path)
    assert frame["summary.mean.dice"].tolist() == [0.5, 0.75]
    assert frame["config.choices.model"].tolist() == ["unet", "unet"]
