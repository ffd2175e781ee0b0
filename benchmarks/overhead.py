"""What the framework costs a training step: `python benchmarks/overhead.py [--device cuda]`.

The network is one 1x1 convolution on two images of 8x8 pixels, so that nearly all time is the framework's. Ours is
`train.py` with its default callbacks: loss to metrics.csv and progress bar, learning rate, checkpoints, seeded steps,
a cosine schedule. The peer is Lightning with its defaults as its users write it: `self.log` in `training_step`, a plain
DataLoader, a cosine schedule, a CSV log of the loss and the learning rate. Both log at every 50th step, and both train
on the same images in batches of two with Adam. What Lightning's loop takes with nothing in it but network and optimiser
is timed with them: it is the cause where the aim is missed.

The same: from equal weights and on one batch that is always the same, both have the same loss after some steps.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pytorch_lightning as pl
import torch
from harness import Options, Row, Side, close, compare, main
from harness.rows import duration
from harness.training import Steps, quiet_words, train, write_nnunet
from pytorch_lightning.callbacks import LearningRateMonitor
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

QUESTION = "framework cost of a training step, network of one 1x1 convolution: train.py against Lightning's defaults"
SIZE = 8
BATCH = 2
EVERY = 50
"""Steps between two rows of the log: Lightning's default."""
LR = 1e-3
_BARE: dict[str, Any] = {"barebones": True}


class Pixelwise(nn.Module):
    """One 1x1 convolution."""

    def __init__(self, *, in_channels: int, out_channels: int, spatial_dims: int, repaired: bool = False) -> None:
        super().__init__()
        self.spatial_dims = spatial_dims
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) to logits (N, K, H, W)."""
        logits: Tensor = self.conv(image)
        return logits


class Plain(pl.LightningModule):
    """A module as Lightning's users write it."""

    def __init__(self, steps: int, logs: bool = True) -> None:
        super().__init__()
        self.logs = logs
        self.net = Pixelwise(in_channels=1, out_channels=1, spatial_dims=2)
        self.steps = steps

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """Loss of a batch."""
        image, label = batch
        loss = binary_cross_entropy_with_logits(self.net(image), label)
        if self.logs:
            self.log("train/loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        """Adam, and half a cosine."""
        optimizer = torch.optim.Adam(self.parameters(), lr=LR)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rows(options: Options) -> Iterator[Row]:
    """With the progress bars that both show by default, and without."""
    steps = 40 if options.small else 1000
    for bar in (True, False):
        with TemporaryDirectory() as name:
            yield from _compared(bar, steps, Path(name), options)


def _compared(bar: bool, steps: int, folder: Path, options: Options) -> Iterator[Row]:
    total = steps * (options.rounds + 2)
    image, label = _write(folder / "data", BATCH * total)
    theirs, floor = (
        Steps(partial(_lightning, image, label, total, shown, folder, options.device), steps) for shown in (bar, None)
    )
    ours = Steps(partial(train, _words(folder, bar, options.device)), steps)
    # in this order: what is printed while Rich shows a bar passes through Rich, which would slow the other bar down
    with _terminal(), theirs, floor, ours:
        start = {key: torch.full_like(value, 0.5) for key, value in ours.networks[0].state_dict().items()}
        for net in (ours.networks[0], theirs.module.net, floor.module.net):
            assert isinstance(net, nn.Module)
            net.load_state_dict(start)
        row, bare = compare(
            f"{steps} training steps of one 1x1 convolution, {'with' if bar else 'without'} progress bars",
            Side("train.py", lambda: float(ours())),
            [Side("Lightning, defaults", lambda: _by_itself(theirs)), Side("Lightning, bare", lambda: float(floor()))],
            lambda one, other: close(one, other, 1e-5, f"losses after {steps} steps"),
            2.0,
            options,
        )
    yield replace(row, cause=_cause(bare))


def _by_itself(theirs: Steps) -> float:
    """The last loss of Lightning's next steps, with the environment as importing it leaves it.

    It asks PyTorch to look for GPUs without CUDA; Adam then does so at each step. train.py takes that back for the
    whole process where there is none, so the peer would be spared what its users pay.
    """
    with patch.dict(os.environ, PYTORCH_NVML_BASED_CUDA_CHECK="1"):
        return float(theirs())


def _cause(bare: Row) -> str:
    """Of a missed aim: what no callback or logger of ours can save."""
    return (
        "network, optimiser, schedule and data in Lightning's loop without its logs, bars and checkpoints "
        f"(barebones=True) take {duration(bare.peer_seconds)}, {bare.ratio:.0%} of ours, and both sides have that"
    )


def _words(folder: Path, bar: bool, device: torch.device) -> tuple[str, ...]:
    """Of train.py."""
    return (
        "data=nnunet", f"data.root={folder / 'data'}", f"data.image_size={SIZE}", "data.crop_foreground=false",
        "data.split.test=0", "data.split.val=0", "augment=none", f"data.batch_size={BATCH}", "loss=bce",
        f"model._target_={Pixelwise.__module__.replace('__main__', 'overhead')}.{Pixelwise.__name__}",
        *(f"~model.{key}" for key in ("width", "depth", "norm", "up", "dropout", "pad_up")), "model=unet",
        "optimizer=adam", f"optimizer.lr={LR}", "trainer.max_epochs=1", f"trainer.log_every_n_steps={EVERY}",
        "trainer.precision=32", *quiet_words(folder, device), f"trainer.enable_progress_bar={str(bar).lower()}",
    )  # fmt: skip


def _lightning(
    image: Tensor, label: Tensor, steps: int, bar: bool | None, folder: Path, device: torch.device, steered: pl.Callback
) -> None:
    """Train as Lightning's users do; the images are all the same. `bar` None: the loop alone, nothing is logged."""
    count = BATCH * steps
    data = TensorDataset(image.expand(count, 1, SIZE, SIZE), label.expand(count, 1, SIZE, SIZE))
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        default_root_dir=folder,
        **(_BARE if bar is None else {"logger": CSVLogger(folder / "lightning"), "log_every_n_steps": EVERY}),
        callbacks=[steered] if bar is None else [LearningRateMonitor(), steered],
        enable_progress_bar=bar,
    )
    trainer.fit(Plain(steps, logs=bar is not None), DataLoader(data, batch_size=BATCH, shuffle=True))


def _write(root: Path, count: int) -> tuple[Tensor, Tensor]:
    """Two volumes whose slices are all the same, so that every batch is; that slice as llmseg normalises it, and label.

    Args:
        root: of an nnU-Net folder.
        count: slices in all.
    """
    plane = np.random.default_rng(0).normal(size=(SIZE, SIZE))
    plane = ((plane - plane.mean()) / plane.std()).astype(np.float32)
    image = np.repeat(plane[..., None], count // 2, axis=2)
    write_nnunet(root, [(image, (image > 0).astype(np.uint8))] * 2)
    return torch.from_numpy(plane)[None], torch.from_numpy(plane > 0)[None].float()


@contextmanager
def _terminal() -> Iterator[None]:
    """Let the bars draw as on a terminal."""
    with patch.dict(os.environ, TERM="xterm-256color"), redirect_stdout(_Terminal()):
        yield


class _Terminal(StringIO):
    """Takes what is written to a terminal, and forgets it."""

    def isatty(self) -> bool:
        """As far as a progress bar can tell."""
        return True

    def write(self, text: str) -> int:
        """Forget."""
        return len(text)


if __name__ == "__main__":
    main("overhead", QUESTION, rows)
