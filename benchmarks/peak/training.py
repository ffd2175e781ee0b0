"""Peak memory of `train.py` with the U-Net of 31 million parameters on square slices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness.training import write_nnunet

from peak.process import peak

BASE_GIB = 1.7
"""Python with its libraries; weights, gradients and Adam's two moments of 31 million parameters; a copy of the weights
while the checkpoint is written."""
KIB_A_PIXEL = {"32": 6.0, "bf16-mixed": 3.4}
"""What the passes there and back hold for each pixel of a batch, in KiB, with slack."""
KIB_CHECKPOINTED = 3.4
"""The same in float32 where blocks are computed again on the way back."""
STEPS = 2  # the first one makes what the optimiser holds


@dataclass(frozen=True)
class Training:
    """What is trained.

    Attributes:
        batch: slices a step.
        side: of a slice, pixels.
        precision: as `trainer.precision` has it.
        checkpointed: blocks are computed again on the way back (`method.gradient_checkpointing`).
    """

    batch: int = 16
    side: int = 256
    precision: str = "32"
    checkpointed: bool = False

    def __str__(self) -> str:
        kept = ", gradient checkpointing" if self.checkpointed else ""
        return f"train.py, U-Net of 31 M, {self.side}x{self.side}, batch {self.batch}, {self.precision}{kept}"

    @property
    def limit(self) -> float:
        """GiB that it may take."""
        each = KIB_CHECKPOINTED if self.checkpointed else KIB_A_PIXEL[self.precision]
        return BASE_GIB + each * self.batch * self.side**2 / 2**20


def training_peak(folder: Path, job: Training) -> float:
    """GiB of a process that trains for two steps and keeps its weights."""
    random = np.random.default_rng(0)
    image = random.normal(size=(job.side, job.side, 2 * job.batch)).astype(np.float32)
    write_nnunet(folder / "data", [(image, (image > 1).astype(np.uint8)) for _ in range(2)])
    words = (
        "model=gpt_o1", "data=nnunet", f"data.root={folder / 'data'}", f"data.image_size={job.side}",
        f"data.batch_size={job.batch}", "data.split.val=0", "data.split.test=0", f"trainer.max_steps={STEPS}",
        f"trainer.precision={job.precision}", f"method.gradient_checkpointing={job.checkpointed}", "evaluate=false",
        "method.compile=false", "data.workers=0", "logger=csv", "trainer.enable_progress_bar=false",
        "trainer.accelerator=cpu", "trainer.devices=1", "data.cache=disk",
        f"paths.runs={folder / 'runs'}", f"paths.cache={folder / 'cache'}",
    )  # fmt: skip
    return peak("llmseg.cli.train", words)
