"""Points on this machine: volumes of several sizes, data sets of several lengths, one process and two."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image

from llmseg.inference.windows import window_planes, window_starts
from llmseg.models import VNet

WINDOW = 64
OVERLAP = 0.5
WIDTH = 4
ROOT = Path(__file__).parents[2]
_SIDE = 32


def windows_of(side: int) -> int:
    """Windows that cover a cube."""
    return len(window_starts((side,) * 3, (WINDOW,) * 3, OVERLAP))


def alone(job: Callable[[int], tuple[float, float]], side: int) -> tuple[float, float]:
    """Seconds, and MiB at the peak beyond what was there before, of a job in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(job, side).result()


def training_step(side: int) -> tuple[float, float]:
    """Forward, backward and update of a V-Net on one cube; the best of three."""
    net = VNet(spatial_dims=3, in_channels=1, out_channels=2, width=WIDTH)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    volume, label = torch.randn(1, 1, side, side, side), torch.ones(1, side, side, side, dtype=torch.long)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(volume), label).backward()
        optimizer.step()

    return _measured(step)


def prediction(side: int) -> tuple[float, float]:
    """Windows of a V-Net over a cube, whose planes are thrown away as they come; the best of three."""
    net = VNet(spatial_dims=3, in_channels=1, out_channels=2, width=WIDTH).eval()
    volume = torch.randn(1, 1, side, side, side)

    @torch.inference_mode()
    def predict() -> None:
        for _ in window_planes(net, volume, (WINDOW,) * 3, OVERLAP, batch_size=1):
            pass

    return _measured(predict)


def _measured(job: Callable[[], None]) -> tuple[float, float]:
    before, best = _status("VmRSS"), float("inf")
    for _ in range(3):
        start = perf_counter()
        job()
        best = min(best, perf_counter() - start)
    return best, _status("VmHWM") - before


def _status(name: str) -> float:
    """MiB of this process, as Linux counts them."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def write_cases(root: Path, count: int) -> None:
    """An nnU-Net folder of small volumes: noise, and a box as label."""
    random = np.random.default_rng(0)
    label = np.zeros((_SIDE,) * 3, np.uint8)
    label[8:16, 8:16, 8:16] = 1
    for number in range(count):
        image = random.normal(size=label.shape).astype(np.float32) + label
        for folder, name, values in (("imagesTr", f"c{number}_0000", image), ("labelsTr", f"c{number}", label)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            save(Nifti1Image(values, np.eye(4)), root / folder / f"{name}.nii.gz")
    facts = {"channel_names": {"0": "noise"}, "labels": {"background": 0, "box": 1}, "numTraining": count}
    (root / "dataset.json").write_text(json.dumps(facts | {"file_ending": ".nii.gz"}))


def training(folder: Path, cases: int, cache: str, epochs: int = 1, words: Sequence[str] = ()) -> float:
    """Seconds of `train.py`, from its start to its end, with one core a process."""
    if not (data := folder / f"data{cases}").is_dir():
        write_cases(data, cases)
    command = [
        sys.executable, str(ROOT / "train.py"), *words, "model=unet", "model.width=8", "data=nnunet", "evaluate=false",
        f"data.root={data}", "data.image_size=32", "data.batch_size=8", "data.split.test=0", "data.split.val=0",
        f"trainer.max_epochs={epochs}", "trainer.accelerator=cpu", "trainer.limit_val_batches=0", "logger=csv",
        "trainer.precision=32", "trainer.enable_progress_bar=false", "save_every_n_steps=100000",
        f"paths.runs={folder / 'runs'}", f"paths.cache={folder / cache}", "method.compile=false",
    ]  # fmt: skip
    alone_on_its_core = os.environ | {"OMP_NUM_THREADS": "1"}
    start = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=alone_on_its_core, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")
    return perf_counter() - start
