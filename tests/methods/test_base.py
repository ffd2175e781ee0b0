"""What the training methods share."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from llmseg.data.seeds import seed_device
from llmseg.evaluation.metrics import score
from llmseg.methods import base
from llmseg.methods.base import COMPILED_STEPS, case_dice
from tests.methods.make_method import method


def test_case_dice_is_the_dice_of_the_tables_for_exclusive_classes() -> None:
    rng = np.random.default_rng(0)
    label, predicted = rng.integers(0, 3, (2, 5, 1, 8, 9))
    probability = torch.nn.functional.one_hot(torch.from_numpy(predicted[:, 0]), 3).movedim(-1, 1).float()
    dice = case_dice(probability, torch.from_numpy(label).to(torch.uint8), overlapping=False)
    for index in (1, 2):
        expected = score(predicted[:, 0] == index, label[:, 0] == index, (1, 1, 1))["dice"]
        assert dice[index - 1].item() == expected


def test_case_dice_of_regions_and_of_nothing() -> None:
    label = torch.zeros(1, 2, 4, 4, 4, dtype=torch.uint8)
    label[0, 0, :2] = 1
    probability = torch.zeros(1, 2, 4, 4, 4)
    probability[0, 0, 1:3] = 0.9
    dice = case_dice(probability, label, overlapping=True)
    assert dice[0].item() == 0.5
    assert dice[1].isnan()


@pytest.mark.parametrize(
    ("choice", "device", "steps", "done", "compiled"),
    [
        ("auto", "cuda", COMPILED_STEPS, 0, True),
        ("auto", "cuda", COMPILED_STEPS - 1, 0, False),
        ("auto", "cuda", 2 * COMPILED_STEPS, COMPILED_STEPS + 1, False),
        ("auto", "cpu", 10 * COMPILED_STEPS, 0, False),
        (True, "cpu", 1, 0, True),
        (False, "cuda", 10 * COMPILED_STEPS, 0, False),
    ],
)
def test_compiled_where_it_pays(
    monkeypatch: pytest.MonkeyPatch, choice: bool | str, device: str, steps: int, done: int, compiled: bool
) -> None:
    monkeypatch.setattr(base, "_has_triton", lambda: True)
    made = method("cps", compile=choice)
    strategy = SimpleNamespace(root_device=torch.device(device))
    made._trainer = SimpleNamespace(
        strategy=strategy, estimated_stepping_batches=steps, global_step=done, optimizers=[], lr_scheduler_configs=[]
    )
    made.setup("fit")
    made.on_train_start()
    for net in (made.net, made.peer):
        assert (net._compiled_call_impl is not None) == compiled


def test_a_step_is_seeded_as_torch_seeds() -> None:
    torch.manual_seed(123456789012345678)
    expected = torch.rand(5), torch.randn(3)
    seed_device(123456789012345678, torch.device("cpu"))
    assert torch.equal(torch.rand(5), expected[0])
    assert torch.equal(torch.randn(3), expected[1])


def test_seeding_every_step_leaves_nothing_behind() -> None:
    """`torch.manual_seed` queues a call for each accelerator that is not in use, and never drops it."""
    torch.random.default_generator.manual_seed(0)
    before = len(torch.cuda._queued_calls)
    seed_device(1, torch.device("cpu"))
    assert len(torch.cuda._queued_calls) == before


def test_the_sum_over_an_epoch_is_weighted_by_samples() -> None:
    made = method("cps")
    for value, size in ((0.5, 4), (2.0, 1), (1.25, 3)):
        made._count_loss(torch.tensor(value), size)
    assert made._epoch_loss.tolist() == [0.5 * 4 + 2.0 + 1.25 * 3, 8]
