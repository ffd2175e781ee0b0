"""From a scan's file to its mask's file: `python benchmarks/predict_file.py [--device cuda]`.

All sides read, normalise, predict with an equal V-Net in windows that overlap by half, and write; imports and the
start of the process are not counted. MONAI's side is what its bundles' inference.json lists, nnU-Net's is its
predictor with these plans, in one process and without mirroring, which is the fastest way that it offers.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from harness import Options, Row, Side, compare, left_out, main
from monai.data.dataloader import DataLoader
from monai.data.dataset import Dataset
from monai.data.utils import decollate_batch
from monai.inferers.inferer import SlidingWindowInferer
from nibabel.loadsave import load, save
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray
from torch import nn
from windows import learn_threshold, same_dice, smooth, v_net

from llmseg.cli import entry

mt: Any = import_module("monai.transforms")  # its names are not exported to type checkers
QUESTION = "Seconds from a scan's file to its mask's"
SPACING = 1.25  # mm, as the left atria of the field are often resampled to
BOUNDS = (0.0, 99.0)
CLASSES = ["bright", "brightest"]
"""Grey values between those bounds, in deviations from the mean, and those above, of which this scan has none."""


@dataclass(frozen=True)
class Job:
    """What all sides are given.

    Attributes:
        folder: for files.
        width: of V-Net.
        patch: voxels of each axis.
        device: to predict on.
    """

    folder: Path
    width: int
    patch: tuple[int, int, int]
    device: torch.device

    @property
    def scan(self) -> Path:
        """The input."""
        return self.folder / "scan.nii.gz"

    @property
    def run(self) -> Path:
        """A run folder of train.py."""
        return self.folder / "run"

    @property
    def weights(self) -> Path:
        """The weights alone, as others keep them."""
        return self.folder / "model.pt"

    def network(self) -> nn.Module:
        """The network with these weights, ready to predict."""
        net = v_net(self.width, len(BOUNDS) + 1)
        net.load_state_dict(torch.load(self.weights, map_location="cpu"))
        return net.to(self.device).eval()


def rows(options: Options) -> Iterator[Row]:
    """One scan."""
    shape = (48, 48, 40) if options.small else (200, 200, 88)
    patch = (32, 32, 32) if options.small else (96, 96, 64)
    with TemporaryDirectory() as name:
        width = 16 if options.device.type == "cuda" else 4 if options.small else 8
        job = Job(Path(name), width, patch, options.device)
        _write(job, shape)
        yield from compare(
            f"predict, {'x'.join(map(str, shape))}, V-Net of width {job.width}, patch {'x'.join(map(str, patch))}",
            Side("predict.py, bf16-mixed", partial(llmseg, job)),
            list(_peers(job)),
            same=same_dice,
            aim=1.5,
            options=replace(options, rounds=min(options.rounds, 3), cap=min(options.cap, 30.0)),
        )


def _peers(job: Job) -> Iterator[Side]:
    yield Side("MONAI, bundle's transforms and inferer, fp32", partial(monai_bundle, job))
    if find_spec("nnunetv2") is None:
        left_out("nnunetv2 is not installed")
    else:
        # it computes in half precision on a GPU, and nowhere else
        yield Side(f"nnU-Net's predictor, {'fp16' if job.device.type == 'cuda' else 'fp32'}", nnunet(job))


def llmseg(job: Job) -> NDArray[np.uint8]:
    """`python predict.py run=... input=... output=...` in this process."""
    output = job.folder / "ours"
    words = [f"run={job.run}", f"input={job.scan}", f"output={output}"]
    entry.run("predict", "llmseg.cli.predict:predict", [*words, f"accelerator={_accelerator(job.device)}"])
    return _mask(output / "scan.nii.gz")


@torch.no_grad()
def monai_bundle(job: Job) -> NDArray[np.uint8]:
    """The transforms, inferer and post-processing of MONAI's bundles for one organ, with their usual settings."""
    output = job.folder / "monai"
    before = mt.Compose(
        [
            mt.LoadImaged(keys="image"),
            mt.EnsureChannelFirstd(keys="image"),
            mt.Orientationd(keys="image", axcodes="RAS"),
            mt.Spacingd(keys="image", pixdim=(SPACING,) * 3, mode="bilinear"),
            mt.NormalizeIntensityd(keys="image"),
        ]
    )
    after = mt.Compose(
        [
            mt.Invertd(keys="pred", transform=before, orig_keys="image", nearest_interp=False, to_tensor=True),
            mt.AsDiscreted(keys="pred", argmax=True),
            mt.SaveImaged(keys="pred", output_dir=output, output_postfix="", separate_folder=False, print_log=False,
                       output_dtype=np.uint8),
        ]
    )  # fmt: skip
    net, inferer = job.network(), SlidingWindowInferer(roi_size=job.patch, sw_batch_size=4, overlap=0.5)
    for batch in DataLoader(Dataset([{"image": str(job.scan)}], before), batch_size=1, num_workers=0):
        logits = inferer(batch["image"].to(job.device), net)
        assert isinstance(logits, torch.Tensor)
        batch["pred"] = logits.softmax(dim=1)
        for item in decollate_batch(batch):
            after(item)
    return _mask(output / "scan.nii.gz")


def nnunet(job: Job) -> Callable[[], NDArray[np.uint8]]:
    """nnU-Net's predictor; it asks for folders of data sets on import, and does without them."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, str(job.folder / name))
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    def predict() -> NDArray[np.uint8]:
        output = job.folder / "nnunet"
        output.mkdir(exist_ok=True)
        predictor = nnUNetPredictor(
            tile_step_size=0.5, use_gaussian=True, use_mirroring=False, device=job.device,
            perform_everything_on_device=job.device.type == "cuda", allow_tqdm=False,
        )  # fmt: skip
        plans, net = PlansManager(_plans(job.patch)), job.network()
        labels = {"background": 0, **{name: index for index, name in enumerate(CLASSES, 1)}}
        facts = {"file_ending": ".nii.gz", "channel_names": {"0": "mr"}, "labels": labels}
        configuration = plans.get_configuration("3d_fullres")
        predictor.manual_initialization(net, plans, configuration, [net.state_dict()], facts, "nnUNetTrainer", None)
        predictor.predict_from_files_sequential([[str(job.scan)]], [str(output / "scan")])
        return _mask(output / "scan.nii.gz")

    return predict


def _plans(patch: tuple[int, int, int]) -> dict[str, Any]:
    """What nnU-Net's planner writes, as far as a prediction asks for it."""
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    configuration: dict[str, Any] = {
        "data_identifier": "scans", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": list(patch), "spacing": [SPACING] * 3, "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False], "batch_dice": False,
        "architecture": {"network_class_name": "", "arch_kwargs": {}, "_kw_requires_import": []},
        "resampling_fn_data": "resample_data_or_seg_to_shape", "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_seg_kwargs": {**resampling, "is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
    }  # fmt: skip
    return {
        "dataset_name": "Dataset001_Scans", "plans_name": "nnUNetPlans", "image_reader_writer": "NibabelIO",
        "label_manager": "LabelManager", "foreground_intensity_properties_per_channel": {"0": {}},
        # its readers give z, y, x; this is back to the order of the others
        "transpose_forward": [2, 1, 0], "transpose_backward": [2, 1, 0],
        "configurations": {"3d_fullres": configuration},
    }  # fmt: skip


def _write(job: Job, shape: tuple[int, int, int]) -> None:
    """A scan of soft blobs, and a network that has learned to find the bright half of it."""
    image = smooth(1, shape)
    net = learn_threshold(v_net(job.width, len(BOUNDS) + 1).to(job.device), image, job.patch, BOUNDS).cpu()
    voxels = np.rint(image[0, 0].numpy() * 200 + 1000).astype(np.int16)
    save(Nifti1Image(voxels, np.diag([SPACING, SPACING, SPACING, 1])), job.scan)
    torch.save(net.state_dict(), job.weights)
    model = {"_target_": "llmseg.models.VNet", "in_channels": 1, "out_channels": 3, "width": job.width,
             "negative_slope": 0.1, "spatial_dims": 3}  # fmt: skip
    data = {
        "name": "scans", "source": "", "root": "", "reader": {}, "channels": 1, "classes": CLASSES,
        "intensity": "zscore", "spacing": [SPACING] * 3, "crop_foreground": False, "patch_size": list(job.patch),
    }  # fmt: skip
    config = {
        "seed": 0, "model": model, "data": data, "trainer": {"precision": "bf16-mixed"},
        "choices": {"model": "vnet", "data": "scans", "method": "supervised"},
    }  # fmt: skip
    (job.run / "checkpoints").mkdir(parents=True)
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    torch.save({"llmseg": config, "state_dict": state}, job.run / "checkpoints" / "last.ckpt")
    (job.run / "config.yaml").write_text(yaml.safe_dump(config))


def _mask(path: Path) -> NDArray[np.uint8]:
    image = load(path)
    assert isinstance(image, Nifti1Image)
    return np.asarray(image.dataobj).astype(np.uint8)


def _accelerator(device: torch.device) -> str:
    return "gpu" if device.type == "cuda" else "cpu"


if __name__ == "__main__":
    main("predict_file", QUESTION, rows)
