"""What a training step costs: `python benchmarks/ssl_step.py [--methods cps llm_segnet] [--width 16] [key=value ...]`.

Runs the real `train.py` on random volumes, once for each method of conf/method with a V-Net, and prints steps and
samples a second, the share of time in which the loop waits for data, the arithmetic of a step and its share of what the
device does in a large matrix product, and the cost relative to a supervised step on as many samples. Each step is
waited for, so that a wait for data is one of the device. Further words are overrides, such as `knowledge=none`.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from harness.machine import Peaks
from harness.result import header, write
from harness.training import quiet_words, train, write_nnunet
from pytorch_lightning.profilers import SimpleProfiler
from torch.utils.flop_counter import FlopCounterMode

from llmseg.resources import conf_folder

BASELINE = "supervised"
FETCH = "[_TrainingEpochLoop].train_dataloader_next"
WARM_UP = 3
DTYPES = {"32": "float32", "bf16-mixed": "bfloat16", "16-mixed": "float16"}


def main() -> None:
    """Print a line a method and write them as JSON."""
    options = _options()
    peak = Peaks(torch.device(options.device)).flop_per_second(DTYPES[options.precision]) / 1e9
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as name:
        _write_data(Path(name) / "data", options)
        for method in options.methods:
            row = {"method": method} | _measure(method, Path(name), options)
            row["share_of_matrix_product"] = row["gflop_per_step"] * row["steps_per_second"] / peak
            row["supervised_steps"] = _ratio(rows[0] if rows else row, row)
            rows.append(row)
            print("  ".join(f"{key} {value:.3g}" if isinstance(value, float) else value for key, value in row.items()))
    facts = {key: value for key, value in vars(options).items() if key not in ("output", "methods")}
    facts["gflop_per_second_of_a_matrix_product"] = peak
    facts["device_name"] = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    facts["threads"] = torch.get_num_threads()
    command = " ".join(["python benchmarks/ssl_step.py", *sys.argv[1:]])
    write(options.output, {**header([command], [0]), **facts, "rows": rows})


def _options() -> Namespace:
    found = sorted(path.stem for path in (conf_folder() / "method").glob("*.yaml") if not path.stem.startswith("_"))
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", default=found, choices=found)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--patch", type=int, nargs=3, default=[112, 112, 80])
    parser.add_argument("--batch", type=int, default=4, help="samples; half of them without label where there are such")
    parser.add_argument("--precision", default="32", choices=tuple(DTYPES))
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--output", type=Path, default=Path("results/ssl_step.json"))
    options, words = parser.parse_known_args()
    options.words = words
    options.methods = [BASELINE, *(name for name in options.methods if name != BASELINE)]
    return options


def _measure(method: str, folder: Path, options: Namespace) -> dict[str, Any]:
    """Train for a few steps with a clock in the trainer."""
    labelled = options.batch if method == BASELINE else options.batch // 2
    timed = WARM_UP + options.steps
    clock = Clock(options.device, timed)
    words = (
        f"method={method}", "model=vnet", f"model.width={options.width}", "data=nnunet", "loss=dice_ce",
        f"data.root={folder / 'data'}", f"data.patch_size={options.patch}", "data.split.test=0", "data.split.val=0",
        f"data.batch_size={labelled}", f"data.unlabelled_batch_size={options.batch - labelled}", "data.labelled=4",
        f"data.patches_per_case={(timed + 1) * options.batch}",  # one epoch is enough
        f"trainer.max_steps={timed + 1}", f"trainer.precision={options.precision}", "method.compile=false",
        "save_every_n_steps=100000", *quiet_words(folder, torch.device(options.device)), *options.words,
    )  # fmt: skip
    if method == BASELINE:  # what only the others have
        words = tuple(word for word in words if "unlabelled" not in word)
    train(words, clock)
    return clock.row(options.batch)


class Clock(pl.Callback):
    """Times steps, and waits for the device at the end of each.

    Args:
        device: cpu or cuda.
        timed: steps; of the one after them the arithmetic is counted, which takes long.
    """

    def __init__(self, device: str, timed: int) -> None:
        self.device = device
        self.timed = timed
        self.profiler = _Silent()
        self._ends: list[float] = []
        self._waits: list[float] = []
        self._counter: FlopCounterMode | None = None
        self._gflop = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """Begin to count the arithmetic of the step after the timed ones."""
        if batch_idx == self.timed:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the time, and that spent on fetching so far."""
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._gflop = self._counter.get_total_flops() / 1e9
            return
        if self.device == "cuda":
            torch.cuda.synchronize()
        self._ends.append(perf_counter())
        self._waits.append(sum(self.profiler.recorded_durations[FETCH]))

    def row(self, samples: int) -> dict[str, Any]:
        """What was measured, for steps of that many samples."""
        seconds = self._ends[-1] - self._ends[WARM_UP - 1]
        each = np.diff(self._ends[WARM_UP - 1 :])
        row = {
            "steps_per_second": len(each) / seconds,
            "samples_per_second": samples * len(each) / seconds,
            "median_step_seconds": float(np.median(each)),
            "waiting_for_data": (self._waits[-1] - self._waits[WARM_UP - 1]) / seconds,
            "gflop_per_step": self._gflop,
        }
        if self.device == "cuda":
            row["peak_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
            torch.cuda.reset_peak_memory_stats()
        return row


class _Silent(SimpleProfiler):
    """Lightning's profiler without its table at the end."""

    def describe(self) -> None:
        """Say nothing."""


def _ratio(baseline: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    return float(row["median_step_seconds"] / baseline["median_step_seconds"])


def _write_data(root: Path, options: Namespace) -> None:
    """Ten volumes of noise, twice as large as the patch along the first axis, with a box as label."""
    shape = (2 * options.patch[0], *options.patch[1:])
    random = np.random.default_rng(0)
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(n // 4, n // 2) for n in shape)] = 1
    write_nnunet(root, ((random.normal(size=shape).astype(np.float32) + label, label) for _ in range(10)))


if __name__ == "__main__":
    main()
