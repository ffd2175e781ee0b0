"""Classes of errors, from tracebacks as Python and PyTorch print them."""

import subprocess
import sys

import pytest

from llmseg.study.errors import CLASSES, FINER, classify, loss_not_finite, native_dice
from llmseg.study.sandbox import Outcome

HEAD = 'Traceback (most recent call last):\n  File "/box/code/main.py", line 3, in <module>\n    run()\n'
PRINTED = {
    "RuntimeError: Given groups=1, weight of size [16, 16, 3, 3], expected input[8, 32, 48, 48] to have 16 channels, "
    "but got 32 channels instead": ("RuntimeError", "shape_mismatch"),
    "RuntimeError: Sizes of tensors must match except in dimension 1. Expected size 31 but got size 32 for tensor "
    "number 1 in the list.": ("RuntimeError", "shape_mismatch"),
    "RuntimeError: The size of tensor a (64) must match the size of tensor b (32) at non-singleton dimension 3": (
        "RuntimeError",
        "shape_mismatch",
    ),
    "ValueError: Using a target size (torch.Size([8, 1, 96, 96])) that is different to the input size (torch.Size([8, "
    "1, 48, 48])) is deprecated.": ("ValueError", "shape_mismatch"),
    "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!": (
        "RuntimeError",
        "device",
    ),
    "RuntimeError: Found no NVIDIA driver on your system.": ("RuntimeError", "device"),
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB": ("RuntimeError", "out_of_memory"),
    "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
    "to allocate 800 bytes.": ("RuntimeError", "out_of_memory"),
    "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 3 GiB": ("other", "out_of_memory"),
    "KeyError: 'image'": ("other", None),
    "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)": ("ValueError", None),
    "UnboundLocalError: cannot access local variable 'x'": ("NameError", None),
    "RuntimeError": ("RuntimeError", None),
}
RUN = {
    "import no_such_package": ("missing_import", None),
    "from os import nothing_like_it": ("missing_import", None),
    "undefined": ("NameError", None),
    "int('x')": ("ValueError", None),
    "1 + 'x'": ("TypeError", None),
    "(1).x": ("AttributeError", None),
    "open('nowhere.txt')": ("other", "missing_file"),
    "def f(:": ("other", "syntax"),
    "if 1:\nx = 2": ("other", "syntax"),
    "1 / 0": ("other", None),
    "import sys; sys.exit(3)": ("other", None),
    "raise MemoryError": ("other", "out_of_memory"),
    "try:\n    undefined\nexcept NameError as e:\n    raise ValueError('later') from e": ("ValueError", None),
}


def ended(exit_code: int | None, stderr: str = "", stopped: str | None = None) -> Outcome:
    return Outcome(exit_code, 1.0, "", stderr, stopped, False, 10.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", PRINTED, ids=lambda line: line[:30])
def test_as_libraries_print_it(line: str) -> None:
    fault = classify(ended(1, f"a warning: x\n{HEAD}{line}\n"))
    assert fault is not None
    assert (fault.error, fault.finer) == PRINTED[line]
    assert "\n" not in fault.message


def test_as_python_prints_it() -> None:
    for code, expected in RUN.items():
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
        fault = classify(ended(done.returncode, done.stderr))
        assert fault is not None
        assert (fault.error, fault.finer) == expected, code


@pytest.mark.parametrize(
    ("limit", "finer"), [("time", "time_out"), ("cpu", "time_out"), ("memory", "out_of_memory"), ("disk", None)]
)
def test_what_the_sandbox_stopped(limit: str, finer: str | None) -> None:
    fault = classify(ended(None, f"{HEAD}ValueError: earlier\n", limit))
    assert fault is not None
    assert (fault.error, fault.finer) == ("other", finer)
    assert "stopped" in fault.message


def test_every_class_is_one_of_the_lists() -> None:
    for error, finer in [*PRINTED.values(), *RUN.values()]:
        assert error in CLASSES
        assert finer is None or finer in FINER
    assert classify(ended(0, "UserWarning: something")) is None


def test_an_error_that_is_only_talked_about_is_none() -> None:
    fault = classify(ended(1, "ValueError: is what I would raise\n"))
    assert fault is not None
    assert fault.error == "other"


@pytest.mark.parametrize("line", ["Epoch 3 loss: nan", "train_loss=inf val_loss=0.1", "Loss = -inf", "val loss NaN"])
def test_losses_that_are_not_finite(line: str) -> None:
    assert loss_not_finite(f"start\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "loss: 0.3, information", "no loss; infinite patience", "dice nan", "loss 0.1 nan dice",
        "Validation loss improved from inf to 0.4312", "best_val_loss: inf -> 0.3", "train_loss=0.42 val_dice=nan",
    ],
)  # fmt: skip
def test_losses_that_are(line: str) -> None:
    assert not loss_not_finite(line)


def test_native_dice_is_the_last_share_that_was_printed() -> None:
    assert native_dice("validation_dice=0.1\nx\nvalidation_dice=0.8125\n") == 0.8125
    assert native_dice("validation_dice: 7e-1") == 0.7
    assert native_dice("validation_dice=0.85.") == 0.85
    last = "validation_dice=0.9\nvalidation_dice=nan"
    for text in ("", "validation_dice=nan", last, "validation_dice=87.5", "validation_dice=..."):
        assert native_dice(text) is None
