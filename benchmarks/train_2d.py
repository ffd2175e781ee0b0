"""One epoch of 2D training, from files to updated weights: `python benchmarks/train_2d.py [--device cuda]`.

The classic U-Net (64 to 1024 channels, 31 million weights) on slices of 256x256. Ours is the real `train.py` from its
start to last.ckpt, in this process (imports are not counted on either side): reading and preparing the NIfTI files anew
(nothing is cached from an earlier run), then one epoch.
The peer is a plain loop in float32 as LLMs write it: a data set that loads a slice's volume and mask with nibabel, cuts
the slice out, normalises and resizes it at every access, a DataLoader, Adam, cross-entropy plus Dice, and a torch.save
at the end. Neither augments.

The same: smaller networks with equal weights at the start are trained by both sides, from the files, on batches that
hold every slice, so that their order does not matter; the losses must agree and so must the masks in the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pytorch_lightning as pl
import torch
from harness import Options, Row, Same, Side, Work, compare, main
from harness.machine import best
from harness.rows import duration
from harness.training import PRECISION, quiet_words, train, write_nnunet
from nibabel.loadsave import load
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as _entropy
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from llmseg.methods.base import SegmentationMethod
from llmseg.models import UNet

QUESTION = "2D training, 31 M U-Net, 256x256, one epoch from files to weights: train.py against a plain fp32 loop"
LR = 1e-4


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes:
        width: of the U-Net's first level.
        size: pixels along each side of a slice.
        slices: of each case.
        cases: volumes.
        batch: slices a step.
        epochs: passes through all of them.
    """

    width: int
    size: int
    slices: int
    cases: int
    batch: int
    epochs: int = 1

    def net(self) -> UNet:
        """The network, in PyTorch's own memory layout."""
        return UNet(in_channels=1, out_channels=1, width=self.width, depth=4)


class Watch(pl.Callback):
    """Remembers a training of llmseg: weights at the start, each step's loss, the network, and the steps' seconds."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the weights."""
        assert isinstance(pl_module, SegmentationMethod)
        self.net, self.precision = pl_module.net, str(trainer.precision)
        self.start = {key: value.detach().clone() for key, value in self.net.state_dict().items()}
        self.losses: list[float] = []
        self._began = perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Keep the loss."""
        assert isinstance(outputs, dict)
        self.losses.append(outputs["loss"].item())
        self.seconds = perf_counter() - self._began


def rows(options: Options) -> Iterator[Row]:
    """One epoch."""
    job = Job(8, 64, 4, 2, 4) if options.small else Job(64, 256, 6, 2, 4)
    options = replace(options, rounds=min(options.rounds, 3), cap=min(options.cap, 30.0))
    verdict = _same(options)
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "data", job)
        watch = Watch()
        ours = Side("train.py, bf16-mixed, channels last", lambda: _ours(job, folder, options.device, watch))
        peer = Side("plain fp32 loop, decodes at each access (stand-in)", lambda: _plain(job, folder, options.device))
        case = f"U-Net {job.width}..{16 * job.width}, {job.cases * job.slices} slices {job.size}x{job.size}, one epoch"
        aim = 8.0 if options.device.type == "cuda" else 2.5
        for row in compare(case, ours, [peer], lambda one, other: verdict, aim, options):
            dtype = "bfloat16" if watch.precision.startswith("bf16") else "float32"
            cause = _cause(watch.seconds) if dtype == "bfloat16" and options.device.type == "cpu" else ""
            work = Work(_flop(job), dtype=dtype)
            yield replace(row, cause=cause, work=work, ours=f"train.py, {watch.precision}, channels last")


@torch.no_grad()
def _cause(steps: float) -> str:
    """What bfloat16 can bring on this CPU, measured on one layer of the network; `steps`: seconds of the last run's."""
    conv, image = torch.nn.Conv2d(128, 128, 3, padding=1), torch.randn(1, 128, 128, 128)
    conv, image = conv.to(memory_format=torch.channels_last), image.to(memory_format=torch.channels_last)
    seconds = []
    for precise in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            seconds.append(best(lambda: conv(image), torch.device("cpu")))
    return (
        f"a 3x3 convolution of 128 channels is {seconds[0] / seconds[1]:.1f} times as fast in bfloat16 as in float32 "
        f"here; {duration(steps)} of our last run are steps, the rest start, files and a checkpoint with Adam's state"
    )


def _flop(job: Job) -> float:
    """Operations of all passes there and back, as PyTorch counts them."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        job.net()(torch.empty(job.batch, 1, job.size, job.size)).sum().backward()
    return float(counter.get_total_flops() * (job.cases * job.slices // job.batch) * job.epochs)


def _ours(job: Job, folder: Path, device: torch.device, watch: Watch) -> None:
    """Train from nothing but the files."""
    for made in ("runs", "cache"):
        rmtree(folder / made, ignore_errors=True)
    words = (
        "data=nnunet", f"data.root={folder / 'data'}", "model=unet", f"model.width={job.width}", "model.depth=4",
        f"data.image_size={job.size}", f"data.batch_size={job.batch}", "data.split.test=0", "data.split.val=0",
        "data.crop_foreground=false", "augment=none", "loss=dice_bce", "optimizer=adam", f"optimizer.lr={LR}",
        "scheduler=constant", f"trainer.max_epochs={job.epochs}", PRECISION, *quiet_words(folder, device),
    )  # fmt: skip
    train(words, watch)


def _plain(
    job: Job, folder: Path, device: torch.device, start: dict[str, Tensor] | None = None
) -> tuple[UNet, list[float]]:
    """Train as LLMs' scripts do, and save the weights; the network, and each step's loss."""
    net = job.net()
    if start is not None:
        net.load_state_dict(start)
    net.to(device).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    losses = []
    for _ in range(job.epochs):
        for image, label in DataLoader(SliceFiles(folder / "data", job), batch_size=job.batch, shuffle=True):
            loss = _loss(net(image.to(device)), label.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    torch.save(net.state_dict(), folder / "plain.pt")
    return net, losses


def _loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy and the soft Dice of the batch, as llmseg's loss=dice_bce."""
    share = logits.sigmoid()
    both, total = (share * target).sum(), share.sum() + target.sum()
    return _entropy(logits, target) + 1 - (2 * both + 1e-5) / (total + 1e-5)


class SliceFiles(Dataset[tuple[Tensor, Tensor]]):
    """Opens the volume and its mask anew for each slice, normalises, and resizes the slice."""

    def __init__(self, root: Path, job: Job) -> None:
        self.images, self.labels = (sorted((root / name).glob("*.nii.gz")) for name in ("imagesTr", "labelsTr"))
        self.slices, self.size = job.slices, job.size

    def __len__(self) -> int:
        return len(self.images) * self.slices

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        case, place = divmod(index, self.slices)
        volume, mask = (load(files[case]).get_fdata() for files in (self.images, self.labels))  # type: ignore[attr-defined]
        volume = (volume - volume.mean()) / volume.std()
        planes = (torch.from_numpy(each[None, None, ..., place].astype(np.float32)) for each in (volume, mask))
        image, label = (interpolate(plane, (self.size, self.size), mode="bilinear") for plane in planes)
        return image[0], (label[0] > 0.5).float()


def _write(root: Path, job: Job) -> None:
    """Volumes of noise with a bright disc, whose place differs from slice to slice, as label."""
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, job.size)] * 2, indexing="ij"))[..., None]
    cases = []
    for _ in range(job.cases):
        centre = random.uniform(-0.4, 0.4, (2, 1, 1, job.slices))
        label = (np.square(grid - centre).sum(axis=0) < 0.16).astype(np.uint8)
        cases.append((random.normal(size=label.shape).astype(np.float32) + 3 * label, label))
    write_nnunet(root, cases)


def _same(options: Options) -> Same:
    """Train both sides of a smaller job from equal weights on equal batches."""
    job = Job(8, 64, 4, 2, 8, epochs=8 if options.small else 20)
    with TemporaryDirectory() as name:
        folder, watch = Path(name), Watch()
        _write(folder / "data", job)
        _ours(job, folder, options.device, watch)
        net, losses = _plain(job, folder, options.device, watch.start)
        files = SliceFiles(folder / "data", job)
        images = torch.stack([files[index][0] for index in range(len(files))]).to(options.device)
    dice = _dice(*(_masks(each.to(options.device), images) for each in (watch.net, net)))
    pairs = np.array([watch.losses, losses])
    difference = float(np.abs(pairs[0] / pairs[1] - 1).max())
    return Same(
        dice >= 0.99 and difference <= 0.03 and bool((pairs[:, -1] < pairs[:, 0]).all()),
        f"a smaller job (width {job.width}, {job.size}x{job.size}): after {job.epochs} equal batches masks have Dice "
        f"{dice:.4f}, losses differ by {difference:.1%} at most",
    )


@torch.no_grad()
def _masks(net: torch.nn.Module, images: Tensor) -> Tensor:
    """By the batch's own statistics: those that run along have only begun to."""
    masks: Tensor = net.train()(images) > 0
    return masks


def _dice(one: Tensor, other: Tensor) -> float:
    """Of two masks; 0 where there are none."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()).clamp(min=1))


if __name__ == "__main__":
    main("train_2d", QUESTION, rows)
