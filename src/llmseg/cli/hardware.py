"""What `auto` means on this machine, and whether the machine has what was asked for."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from llmseg.errors import ConfigError


@dataclass(frozen=True)
class Hardware:
    """Where a training runs.

    Attributes:
        accelerator: cpu, gpu or mps.
        devices: processes on a CPU; indices of cards on a GPU.
        precision: 32, bf16-mixed, 16-mixed, ...
    """

    accelerator: str
    devices: int | list[int]
    precision: str

    @property
    def count(self) -> int:
        """Number of processes on this machine."""
        return self.devices if isinstance(self.devices, int) else len(self.devices)


def resolve(accelerator: str, devices: int | str | Sequence[int], precision: int | str) -> Hardware:
    """Settle the trainer's `auto`s.

    Args:
        accelerator: auto, cpu, gpu (or cuda), mps.
        devices: auto, a number, -1 for all, or indices of cards ("0,2" or a list).
        precision: auto, or one of Lightning's names. auto is bf16-mixed where the hardware multiplies bfloat16 in
            matrix units (most GPUs since 2020, CPUs with AMX), 16-mixed on older GPUs, else 32: emulated bfloat16
            is several times slower than float32.

    Raises:
        ConfigError: the machine has no such accelerator, or fewer devices.
    """
    kind = _accelerator(accelerator)
    available = {"gpu": torch.cuda.device_count, "mps": lambda: 1}.get(kind, lambda: os.cpu_count() or 1)()
    chosen = _devices(devices, kind, available)
    return Hardware(kind, chosen, _precision(kind) if precision == "auto" else str(precision))


def torch_device(accelerator: str) -> torch.device:
    """The single device of that kind, for evaluation."""
    kind = _accelerator(accelerator)
    return torch.device({"gpu": "cuda"}.get(kind, kind))


def _accelerator(name: str) -> str:
    found = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(kind for kind, there in found.items() if there)
    kind = "gpu" if name == "cuda" else name
    if kind not in found:
        raise ConfigError(f"trainer.accelerator={name}: choose auto, cpu, gpu or mps")
    if not found[kind]:
        raise ConfigError(f"trainer.accelerator={name}: this machine has none; use trainer.accelerator=cpu")
    return kind


def _devices(wanted: int | str | Sequence[int], kind: str, available: int) -> int | list[int]:
    what = {"cpu": "CPU cores", "gpu": "GPUs", "mps": "MPS devices"}[kind]
    if wanted == "auto":
        return 1 if kind == "cpu" else available
    if isinstance(wanted, str):
        wanted = (
            [int(part) for part in wanted.split(",") if part.strip().isdigit()] if "," in wanted else _number(wanted)
        )
    if isinstance(wanted, int):
        count = available if wanted == -1 else wanted
        if count < 1 or count > available:
            raise ConfigError(f"trainer.devices={wanted}: this machine has {available} {what}")
        return count
    if kind == "cpu":
        raise ConfigError(f"trainer.devices={list(wanted)}: on a CPU give the number of processes")
    if not wanted or max(wanted) >= available or min(wanted) < 0:
        raise ConfigError(f"trainer.devices={list(wanted)}: this machine has {available} {what}, numbered from 0")
    return list(wanted)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"trainer.devices={text}: give auto, a number, -1 for all, or a list of cards") from error


def _precision(kind: str) -> str:
    if kind == "gpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if kind == "cpu" and _has_amx():
        return "bf16-mixed"
    return "32"


def _has_amx() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
