"""Learning rates over a training."""

import math

import pytest
import torch

from llmseg.methods import schedules


def rates(name: str, steps: int, **options: float) -> list[float]:
    """Learning rate before each step and after the last, from 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = getattr(schedules, name)(optimizer, steps, **options)["scheduler"]
    values = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        values.append(optimizer.param_groups[0]["lr"])
    return values


def test_constant_never_changes() -> None:
    assert rates("constant", 7) == [1.0] * 8


def test_cosine_is_half_a_cosine() -> None:
    assert rates("cosine", 10) == pytest.approx([(1 + math.cos(math.pi * t / 10)) / 2 for t in range(11)])


def test_poly_is_the_power_of_what_is_left() -> None:
    assert rates("poly", 10, power=0.9) == pytest.approx([(1 - t / 10) ** 0.9 for t in range(11)])


def test_step_falls_at_every_share() -> None:
    assert rates("step", 10, every=0.5, factor=0.1) == pytest.approx([1.0] * 5 + [0.1] * 5 + [0.01])


def test_plateau_watches_the_validation_loss() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    node = schedules.plateau(optimizer, 100, factor=0.5, patience=1)
    assert (node["monitor"], node["interval"]) == ("val/loss", "epoch")
    for loss in (1.0, 1.0, 1.0):
        node["scheduler"].step(loss)
    assert optimizer.param_groups[0]["lr"] == 0.5
