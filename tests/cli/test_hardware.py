"""What `auto` means, and asking for more than there is."""

from typing import Any

import pytest
import torch

from llmseg.cli import hardware
from llmseg.errors import ConfigError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend to be a machine with so many cards and cores."""

    def pretend(gpus: int = 0, cores: int = 2, amx: bool = False, bf16: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(hardware.os, "cpu_count", lambda: cores)
        monkeypatch.setattr(hardware, "_has_amx", lambda: amx)

    return pretend


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ({}, ("auto", "auto", "auto"), ("cpu", 1, "32")),
        ({"amx": True}, ("auto", "auto", "auto"), ("cpu", 1, "bf16-mixed")),
        ({"gpus": 4}, ("auto", "auto", "auto"), ("gpu", 4, "bf16-mixed")),
        ({"gpus": 1, "bf16": False}, ("gpu", "1", "auto"), ("gpu", 1, "16-mixed")),
        ({"gpus": 4}, ("cuda", "0,2", 32), ("gpu", [0, 2], "32")),
        ({"gpus": 4}, ("cpu", 2, "16-mixed"), ("cpu", 2, "16-mixed")),
        ({"gpus": 3}, ("auto", -1, "32"), ("gpu", 3, "32")),
    ],
)
def test_choices(machine: Any, kind: dict[str, Any], asked: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    machine(**kind)
    found = hardware.resolve(*asked)
    assert (found.accelerator, found.devices, found.precision) == expected


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ({"cores": 2}, ("cpu", 3), "trainer.devices=3: this machine has 2 CPU cores"),
        ({"gpus": 2}, ("gpu", 4), "trainer.devices=4: this machine has 2 GPUs"),
        ({"gpus": 2}, ("gpu", [0, 2]), "numbered from 0"),
        ({}, ("gpu", 1), "trainer.accelerator=gpu: this machine has none"),
        ({}, ("cpu", 0), "trainer.devices=0"),
        ({}, ("cpu", "two"), "trainer.devices=two"),
        ({}, ("cpu", [0]), "number of processes"),
        ({}, ("tpu", 1), "choose auto, cpu, gpu or mps"),
    ],
)
def test_what_the_machine_lacks_is_named(
    machine: Any, kind: dict[str, Any], asked: tuple[Any, ...], words: str
) -> None:
    machine(**kind)
    with pytest.raises(ConfigError) as error:
        hardware.resolve(*asked, "auto")
    assert words in str(error.value)
