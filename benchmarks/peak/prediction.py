"""Peak memory of `predict.py` on a scan with an untrained small U-Net."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image

from llmseg.models.build import build_network
from peak.process import peak

BASE_GIB = 1.35
"""Python with its libraries, a network's features, and slack."""
PLANES = {2: 2.75, 3: 4.5}
"""Memory of the scan's float32, so often: what reading, scaling, a window's depth of logits and the mask may take."""


@dataclass(frozen=True)
class Scan:
    """What is predicted, and how.

    Attributes:
        shape: voxels of each axis.
        classes: of the mask.
        patch: side of a 3D network's window.
        spacing: mm to resample to; the scan has 0.8; None: its own.
    """

    shape: tuple[int, ...]
    classes: int = 3
    patch: int = 128
    spacing: tuple[float, ...] | None = None

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))}, {self.gib:.2f} GiB in float32, {self.classes} classes"

    @property
    def gib(self) -> float:
        """Memory of its voxels in float32."""
        return float(4 * np.prod(self.shape) / 2**30)


def limit(scan: Scan, dims: int) -> float:
    """GiB that a prediction may take, however many windows it has."""
    return BASE_GIB + PLANES[dims] * scan.gib


def prediction_peak(folder: Path, scan: Scan, dims: int, overlap: float = 0.5) -> float:
    """GiB of a process that predicts a file with a 2D or a 3D network; both are written first.

    Args:
        folder: for the scan, the run and the mask.
        scan: to be written, unless it is there.
        dims: of the network.
        overlap: of a 3D network's windows.
    """
    file, run = folder / "scan.nii.gz", folder / f"run{dims}"
    if not file.exists():
        write_scan(file, scan.shape)
    if not run.exists():
        write_run(run, dims, scan)
    words = (f"run={run}", f"input={file}", f"output={folder / f'{dims}_{overlap}'}", f"overlap={overlap}")
    return peak("llmseg.cli.predict", [*words, "accelerator=cpu"])


def write_scan(path: Path, shape: tuple[int, ...]) -> None:
    """Noise on a gradient; its file compresses as CT does, to about a half."""
    random = np.random.default_rng(0)
    scan = np.empty(shape, np.int16)
    for plane in scan:
        plane[...] = random.normal(0, 100, plane.shape)
    save(Nifti1Image(scan, np.diag([-0.8, -0.8, 0.8, 1])), path)


def write_run(folder: Path, dims: int, scan: Scan) -> None:
    """A run folder with an untrained U-Net."""
    classes = [f"organ {number}" for number in range(scan.classes)]
    model = {
        "_target_": "llmseg.models.UNet", "in_channels": 1, "out_channels": len(classes) + (len(classes) > 1),
        "spatial_dims": dims, "width": 4, "depth": 2,
    }  # fmt: skip
    data = {
        "name": "ct", "source": "", "root": "", "reader": {}, "channels": 1, "classes": classes, "intensity": "window",
        "window": [-300, 300], "spacing": None if scan.spacing is None else list(scan.spacing),
        "image_size": scan.shape[0], "patch_size": [scan.patch] * 3,
    }  # fmt: skip
    config = {
        "seed": 0, "model": model, "data": data, "trainer": {"precision": "32"},
        "choices": {"model": "unet", "data": "ct", "method": "supervised"},
    }  # fmt: skip
    net = build_network(model)
    (folder / "checkpoints").mkdir(parents=True)
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    torch.save({"llmseg": config, "state_dict": state}, folder / "checkpoints" / "last.ckpt")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
