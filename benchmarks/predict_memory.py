"""Peak memory of `predict.py` on a large CT: `python benchmarks/predict_memory.py [--shape 512 512 600] [--classes 3]`.

Writes a scan of that many voxels and an untrained small U-Net, predicts it with a 2D and a 3D network, each in a
process of its own, and prints the largest resident memory beside that of the scan itself in float32.
"""

import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
import yaml
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image

from llmseg.models.build import build_network


def main() -> None:
    """Print a table."""
    options = _options()
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write_scan(folder / "scan.nii.gz", tuple(options.shape))
        print(f"scan {'x'.join(map(str, options.shape))}, {4 * np.prod(options.shape) / 2**30:.2f} GiB in float32, "
              f"{options.classes} classes")  # fmt: skip
        for dims in options.dims:
            _write_run(folder / f"run{dims}", dims, options)
            words = [f"run={folder / f'run{dims}'}", f"input={folder / 'scan.nii.gz'}", f"output={folder / str(dims)}"]
            words.append(f"overlap={options.overlap}")
            start = perf_counter()
            code = f"import sys; sys.argv = ['predict.py', *{words!r}]\nfrom llmseg.cli.predict import main; main()\n"
            report = "import resource; print('KiB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
            done = subprocess.run([sys.executable, "-c", code + report], check=True, capture_output=True, text=True)
            peak = int(done.stdout.rpartition("KiB")[2])
            print(f"{dims}D network: peak {peak / 2**20:.2f} GiB, {perf_counter() - start:.0f} s")


def _options() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 600])
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--overlap", type=float, default=0.5, help="of the 3D network's patches")
    parser.add_argument("--spacing", type=float, nargs=3, default=None, help="resample to it; the scan has 0.8 mm")
    return parser.parse_args()


def _write_scan(path: Path, shape: tuple[int, ...]) -> None:
    """Noise on a gradient; its file compresses as CT does, to about a half."""
    random = np.random.default_rng(0)
    scan = np.empty(shape, np.int16)
    for plane in scan:
        plane[...] = random.normal(0, 100, plane.shape)
    save(Nifti1Image(scan, np.diag([-0.8, -0.8, 0.8, 1])), path)


def _write_run(folder: Path, dims: int, options: Namespace) -> None:
    classes = [f"organ {number}" for number in range(options.classes)]
    model = {
        "_target_": "llmseg.models.UNet", "in_channels": 1, "out_channels": len(classes) + (len(classes) > 1),
        "spatial_dims": dims, "width": 4, "depth": 2,
    }  # fmt: skip
    data = {
        "name": "ct", "source": "", "root": "", "reader": {}, "channels": 1, "classes": classes, "intensity": "window",
        "window": [-300, 300], "spacing": options.spacing, "image_size": 512, "patch_size": [128, 128, 128],
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
