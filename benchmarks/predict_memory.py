"""Peak memory of `predict.py` on a large CT: `python benchmarks/predict_memory.py [--shape 512 512 600] [--classes 3]`.

Writes a scan of that many voxels and an untrained small U-Net, predicts it with a 2D and a 3D network, each in a
process of its own, and prints the largest resident memory beside a limit and that of the scan itself in float32.
"""

import subprocess
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
import yaml
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image

from llmseg.models.build import build_network

BASE_GIB = 1.25
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
        return f"scan {'x'.join(map(str, self.shape))}, {self.gib:.2f} GiB in float32, {self.classes} classes"

    @property
    def gib(self) -> float:
        """Memory of its voxels in float32."""
        return float(4 * np.prod(self.shape) / 2**30)


def limit(scan: Scan, dims: int) -> float:
    """GiB that a prediction may take, however many windows it has."""
    return BASE_GIB + PLANES[dims] * scan.gib


def main() -> None:
    """Print a table; exit with 1 where a limit is not held."""
    options = _options()
    scan = Scan(tuple(options.shape), options.classes, 128, options.spacing and tuple(options.spacing))
    held = True
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_scan(folder / "scan.nii.gz", scan.shape)
        print(scan)
        for dims in options.dims:
            write_run(folder / f"run{dims}", dims, scan)
            start = perf_counter()
            peak, most = predict_peak(folder, dims, options.overlap), limit(scan, dims)
            held &= peak <= most
            print(f"{dims}D network: peak {peak:.2f} GiB, {perf_counter() - start:.0f} s; limit {most:.2f} GiB: "
                  f"{'held' if peak <= most else 'NOT held'}", flush=True)  # fmt: skip
    if not held:
        sys.exit(1)


def predict_peak(folder: Path, dims: int, overlap: float) -> float:
    """GiB of a process that predicts `scan.nii.gz` in the folder with `run2` or `run3` in it."""
    words = [
        f"run={folder / f'run{dims}'}",
        f"input={folder / 'scan.nii.gz'}",
        f"output={folder / f'{dims}_{overlap}'}",
    ]
    words += [f"overlap={overlap}", "accelerator=cpu"]
    code = f"import sys; sys.argv = ['predict.py', *{words!r}]\nfrom llmseg.cli.predict import main; main()\n"
    report = "import resource; print('KiB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code + report], check=True, capture_output=True, text=True)
    return int(done.stdout.rpartition("KiB")[2]) / 2**20


def _options() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 600])
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--overlap", type=float, default=0.5, help="of the 3D network's patches")
    parser.add_argument("--spacing", type=float, nargs=3, default=None, help="resample to it; the scan has 0.8 mm")
    return parser.parse_args()


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


if __name__ == "__main__":
    main()
