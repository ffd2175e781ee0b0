"""What a 3D training step costs: `python benchmarks/train_3d.py [--device cuda]`.

A V-Net on patches of 112x112x80, four a step, and two V-Nets that learn from each other (CPS) on two labelled and two
unlabelled patches. Ours is `train.py` as the recipe experiment=field/la_8 has it, one step at a time, from fetching the
batch to the updated weights. The peer is a plain loop in float32 as the semi-supervised field's scripts are written: a
loader with worker processes reads each volume from its h5 file, crops, turns and mirrors it in numpy.

The same: from equal weights, and on volumes of exactly the patch's size without augmentation, so that both sides' own
loaders give equal batches, both train for some steps; the losses of the first ten must agree, and in the end Dice with
the labels that they learnt.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import torch
from harness import Options, Row, Same, Side, Work, compare, main
from harness.training import PRECISION, Steps, quiet_words, train
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as _entropy
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from llmseg.models import VNet

QUESTION = "3D training step, V-Net on 112x112x80: train.py against a plain fp32 loop with the field's loader"
STEPS = 6000  # as UA-MT has it
WORKERS = min(4, os.cpu_count() or 1)  # 4 in the field's scripts


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes:
        method: of train.py, supervised or cps.
        patch: (X, Y, Z).
        volume: of the files.
        width: of the V-Nets.
        labelled: patches a step.
        unlabelled: patches a step.
        cases: labelled volumes, and as many unlabelled ones.
        augmented: turned and mirrored.
    """

    method: str
    patch: tuple[int, ...]
    volume: tuple[int, ...]
    width: int
    labelled: int
    unlabelled: int
    cases: int = 6
    augmented: bool = True

    @property
    def networks(self) -> int:
        """That learn."""
        return 2 if self.method == "cps" else 1

    @property
    def batch(self) -> int:
        """Patches a step."""
        return self.labelled + self.unlabelled

    def net(self) -> VNet:
        """One of them, in PyTorch's own memory layout."""
        return VNet(in_channels=1, out_channels=1, width=self.width, has_dropout=self.augmented)


def rows(options: Options) -> Iterator[Row]:
    """One V-Net, and two."""
    patch, volume = ((48, 48, 32), (56, 56, 40)) if options.small else ((112, 112, 80), (144, 136, 88))
    size = {"patch": patch, "volume": volume, "width": 4 if options.small else 16}
    shown = "x".join(map(str, patch))
    options = replace(options, rounds=min(options.rounds, 3), cap=min(options.cap, 30.0))
    one = Job("supervised", **size, labelled=4, unlabelled=0)  # type: ignore[arg-type]
    two = Job("cps", **size, labelled=2, unlabelled=2)  # type: ignore[arg-type]
    yield from _compared(f"training step, V-Net, {shown}, batch 4", one, options)
    yield from _compared(f"co-training step, two V-Nets, {shown}, 2 labelled + 2 unlabelled", two, options)


def _compared(case: str, job: Job, options: Options) -> Iterator[Row]:
    verdict = _same(job, options)
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "data", job)
        plain = PlainLoop(job, folder / "data", options.device)
        with Steps(partial(train, _words(job, folder, options.device))) as steps:
            ours = Side(f"train.py, {steps.precision}, channels last", lambda: float(steps()))
            peer = Side("plain fp32 loop, h5 loader (stand-in)", plain.step)
            dtype = "bfloat16" if steps.precision.startswith("bf16") else "float32"
            aim = 4.0 if options.device.type == "cuda" else 2.0
            yield from compare(
                case, ours, [peer], lambda one, other: verdict, aim, options, Work(flop=_flop(job), dtype=dtype)
            )


def _words(job: Job, folder: Path, device: torch.device) -> tuple[str, ...]:
    """Of train.py: the field's recipe, or that without augmentation."""
    words = (
        "experiment=field/la_8", f"method={job.method}", f"data.root={folder / 'data'}", f"data.labelled={job.cases}",
        f"data.patch_size={list(job.patch)}", f"data.batch_size={job.labelled}", "data.patches_per_case=20000",
        "data.split.val=0", f"model.width={job.width}", f"trainer.max_steps={STEPS}",
        f"save_every_n_steps={STEPS}", PRECISION, *quiet_words(folder, device),
    )  # fmt: skip
    if job.unlabelled:
        words += (f"data.unlabelled_batch_size={job.unlabelled}",)
    if not job.augmented:
        words += ("data.augment.flip=[]", "data.augment.quarter_turns=false", "model.has_dropout=false")
    return words


def _flop(job: Job) -> float:
    """Operations of all networks' passes there and back, as PyTorch counts them."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        net = job.net()
        net(torch.empty(job.batch, 1, *job.patch)).sum().backward()
    return float(job.networks * counter.get_total_flops())


class PlainLoop:
    """The field's training loop: float32, one optimiser a network, the loss read at every step.

    Args:
        job: what to train.
        data: folder of the h5 files.
        device: cpu or cuda.
    """

    def __init__(self, job: Job, data: Path, device: torch.device) -> None:
        self.job, self.device = job, device
        self.networks = [job.net().to(device) for _ in range(job.networks)]
        self.optimizers = [
            torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4) for net in self.networks
        ]
        volumes = H5Volumes(_files(data), job.patch, job.augmented)
        pin = device.type == "cuda"
        order = _Batches(job)
        self.batches = iter(DataLoader(volumes, batch_sampler=order, num_workers=WORKERS, pin_memory=pin))
        self.number = 0

    def step(self) -> float:
        """One step; its loss."""
        image, label = (each.to(self.device) for each in next(self.batches))
        loss = self._loss([net(image) for net in self.networks], label[: self.job.labelled])
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.number += 1
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = 0.01 * 0.1 ** (self.number // 2500)
        return loss.item()

    def _loss(self, outputs: Sequence[Tensor], label: Tensor) -> Tensor:
        count = self.job.labelled
        loss = torch.stack([_supervised(each[:count], label) for each in outputs]).sum()
        if self.job.unlabelled:
            one, two = (each[count:] for each in outputs)
            weight = 0.1 * float(np.exp(-5 * (1 - min(self.number // 150, 40) / 40) ** 2))
            cross = [_entropy(mine, (theirs.detach() > 0).float()) for mine, theirs in ((one, two), (two, one))]
            loss = loss + weight * torch.stack(cross).sum()
        return loss


def _supervised(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy and soft Dice, case by case (as llmseg's loss=dice_ce of one class, to compare results)."""
    target = label.float()
    share, truth = logits.sigmoid().flatten(1), target.flatten(1)
    both, total = (share * truth).sum(1), share.sum(1) + truth.sum(1)
    return _entropy(logits, target) + (1 - (2 * both + 1e-5) / (total + 1e-5)).mean()


class H5Volumes(Dataset[tuple[Tensor, Tensor]]):
    """Reads a volume anew each time, as the field's data sets do, and crops, turns and mirrors it in numpy."""

    def __init__(self, files: Sequence[Path], patch: Sequence[int], augmented: bool) -> None:
        self.files, self.patch, self.augmented = list(files), tuple(patch), augmented

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with h5py.File(self.files[index], "r") as file:
            image, label = file["image"][:], file["label"][:]
        random = np.random.default_rng()
        start = [random.integers(n - p + 1) for n, p in zip(image.shape, self.patch, strict=True)]
        box = tuple(slice(s, s + p) for s, p in zip(start, self.patch, strict=True))
        image, label = image[box], label[box]
        if self.augmented:
            turns, axis = int(random.integers(4)), int(random.integers(2))
            image, label = (np.flip(np.rot90(each, turns), axis) for each in (image, label))
        return torch.from_numpy(image.astype(np.float32)[None]), torch.from_numpy(label.astype(np.uint8)[None])


class _Batches:
    """Places of the volumes of each batch, labelled ones first, without end (the field's two-stream sampler)."""

    def __init__(self, job: Job) -> None:
        # place of the first volume, and how many a step
        self.streams = [(0, job.labelled), (job.cases, job.unlabelled)]
        self.cases = job.cases

    def __iter__(self) -> Iterator[list[int]]:
        streams = [self._passes(first, size) for first, size in self.streams if size]
        while True:
            yield [index for stream in streams for index in next(stream)]

    def _passes(self, first: int, size: int) -> Iterator[list[int]]:
        random = np.random.default_rng()
        while True:
            order = first + random.permutation(self.cases)
            for start in range(0, self.cases - size + 1, size):
                yield order[start : start + size].tolist()


def _files(data: Path) -> list[Path]:
    """Labelled volumes first."""
    return sorted(data.rglob("*.h5"))


def _write(data: Path, job: Job) -> None:
    """Random volumes, with a bright ball as label, in the field's layout and lists; the later half is unlabelled.

    Args:
        data: the folder.
        job: its volumes' number and size.
    """
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in job.volume), indexing="ij"))
    names = [f"case{number:02}" for number in range(2 * job.cases + 1)]
    for name in names:
        centre = random.uniform(-0.2, 0.2, (3, 1, 1, 1))
        label = (np.square(grid - centre).sum(axis=0) < 0.4).astype(np.uint8)
        image = random.normal(size=label.shape).astype(np.float32) + 3 * label
        folder = data / "2018LA_Seg_Training Set" / name
        folder.mkdir(parents=True)
        with h5py.File(folder / "mri_norm2.h5", "w") as file:
            for key, values in (("image", image), ("label", label)):
                file.create_dataset(key, data=values, compression="gzip")
    for part, chosen in (("train", names[:-1]), ("test", names[-1:])):
        (data / f"{part}.list").write_text("\n".join(chosen) + "\n")


def _same(job: Job, options: Options) -> Same:
    """Train both sides of a smaller job from equal weights on equal batches."""
    patch, steps = (48, 48, 32), 60
    size = {"patch": patch, "volume": patch, "width": min(job.width, 8), "cases": max(job.labelled, job.unlabelled)}
    job = replace(job, **size, augmented=False)  # type: ignore[arg-type]
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "data", job)
        plain = PlainLoop(job, folder / "data", options.device)
        with Steps(partial(train, _words(job, folder, options.device))) as ours:
            for mine, theirs in zip(ours.networks, plain.networks, strict=True):
                theirs.load_state_dict(mine.state_dict())
            losses = np.array([[float(ours()), plain.step()] for _ in range(steps)])
            batch = _batch(folder / "data", job, options.device)
            pairs = zip(ours.networks, plain.networks, strict=True)
            scores = [tuple(_dice(net, *batch) for net in pair) for pair in pairs]
    start = float(np.abs(losses[:10, 0] / losses[:10, 1] - 1).max())
    apart = max(abs(one - other) for one, other in scores)
    return Same(
        start <= 0.01 and apart <= 0.01 and min(map(min, scores)) > 0.9,
        f"a smaller job (width {job.width}, {'x'.join(map(str, patch))}): the first ten losses differ by {start:.1%} "
        f"at most; after {steps} steps of equal batches Dice is "
        f"{', '.join(f'{one:.3f} and {other:.3f}' for one, other in scores)}",
    )


def _batch(data: Path, job: Job, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (N, 1, X, Y, Z) of the cases that every step has, and masks of the labelled ones among them."""
    cases = []
    for path in _files(data)[: job.batch]:
        with h5py.File(path, "r") as file:
            cases.append([torch.from_numpy(file[key][:]).to(device)[None] for key in ("image", "label")])
    image, label = (torch.stack(each) for each in zip(*cases, strict=True))
    return image, label[: job.labelled] > 0


@torch.no_grad()
def _dice(net: nn.Module, image: Tensor, label: Tensor) -> float:
    """Of a network's masks of what it learnt, by the batch's own statistics: the running ones have only begun."""
    mask = net.train()(image)[: len(label)] > 0
    return float(2 * (mask & label).sum() / (mask.sum() + label.sum()))


if __name__ == "__main__":
    main("train_3d", QUESTION, rows, seeds=None)  # the stand-in crops anew each time
