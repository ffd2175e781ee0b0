"""Training patches a second and core: `python benchmarks/patches.py [--device cuda]`.

One process and one thread, volumes of 200x200x88 in memory (on a GPU: ours in its memory, the peers' patches are moved
there), batches of four patches of 112x112x80 with their labels, half of ours and MONAI's about a voxel of a class.

Parts of the same kind and range on both sides, where the peer has them. What it has not, it does not do: torchio no
change of contrast and brightness, no shear, no elastic deformation and no cutout; MONAI no elastic deformation, because
its own (of a field as large as the image) would take it several times as long.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch
import yaml
from harness import Options, Row, Same, Side, Work, compare, main, package
from harness.augmenting import dearest
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from llmseg.data.augmentation import Augment
from llmseg.data.cache import Cache
from llmseg.data.cases import Case
from llmseg.data.config import AugmentConfig
from llmseg.data.preprocessing import Recipe
from llmseg.data.samples import EpochBatches, Patches, Store

mt, monai_data = import_module("monai.transforms"), import_module("monai.data")

QUESTION = "Training patches with labels, one process, one thread, volumes cached"
CONF = Path(__file__).parents[1] / "conf" / "augment"
AIM = 3.0
BATCH = 4
KEYS = ("image", "label")
_COPY = "a patch is cut out as a view and copied once into its batch; no step but that copy is left to save"
Volumes = list[tuple[NDArray[np.float32], NDArray[np.uint8]]]
Batch = tuple[Tensor, Tensor]
Choice = tuple[str, AugmentConfig | None]


class Job(NamedTuple):
    """Input of all sides, and where the patches are to be."""

    folder: Path
    volumes: Volumes
    patch: tuple[int, ...]
    device: torch.device


def rows(options: Options) -> Iterator[Row]:
    """Crop alone, with light and with full augmentation."""
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    try:
        with TemporaryDirectory() as folder:
            volumes = _volumes((64, 64, 48) if options.small else (200, 200, 88))
            patch = (40, 40, 32) if options.small else (112, 112, 80)
            yield from _rows(Job(Path(folder), volumes, patch, options.device), options)
    finally:
        torch.set_num_threads(threads)


def _rows(job: Job, options: Options) -> Iterator[Row]:
    torchio = package("torchio")
    options = replace(options, cap=min(options.cap, 20.0))
    for what, config in _choices():
        peers = [_monai(job, config)]
        if torchio is not None:
            peers.append(_torchio_queue(torchio, job, config))
        if config is None:
            peers.append(_h5(job))
        size = "x".join(map(str, job.patch))
        yield from compare(
            f"{BATCH * len(job.volumes)} patches {size}, one thread, {what}",
            _ours(job, config),
            peers,
            _same,
            AIM,
            options,
            Work(bytes=_bytes(job)) if config is None else None,
            _cause(job, config),
        )


def _cause(job: Job, config: AugmentConfig | None) -> str:
    """Why a row may be below its aim: what the steps of one batch take."""
    if config is None:
        return _COPY
    if not config.gamma:
        return ""
    pairs = [[torch.from_numpy(values[tuple(map(slice, job.patch))])[None] for values in pair] for pair in job.volumes]
    image, label = (torch.stack(values).to(job.device) for values in zip(*pairs, strict=True))
    bent = "ours also bends the volume, which neither peer does here; " if config.elastic else ""
    return f"{bent}torchio has no shear, contrast or cutout; of our time {dearest(image, label, config)}"


def _bytes(job: Job) -> float:
    """Of crop only: each voxel of image (float32) and label (uint8) is read and written once."""
    return 2.0 * 5 * BATCH * len(job.volumes) * float(np.prod(job.patch))


def _choices() -> Iterator[Choice]:
    yield "crop only", None
    for name in ("light", "strong"):
        values = yaml.safe_load((CONF / f"{name}.yaml").read_text())
        config = AugmentConfig(**values, flip=[0, 1, 2])
        yield f"{name} augmentation", config
        if config.elastic:
            yield f"{name} augmentation but for bending", replace(config, elastic=0.0)


def _volumes(shape: tuple[int, ...]) -> Volumes:
    """Four of them: smooth blobs as label, and an image that is brighter inside, with noise; mean 0, deviation 1."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(4):
        label = gaussian_filter(random.standard_normal(shape, dtype=np.float32), min(shape) / 12) > 0
        image = 2 * label + random.normal(0, 0.2, shape)
        found.append((((image - image.mean()) / image.std()).astype(np.float32), label.astype(np.uint8)))
    return found


def _ours(job: Job, config: AugmentConfig | None) -> Side:
    cases = [_case(job.folder, number, *volume) for number, volume in enumerate(job.volumes)]
    recipe = Recipe(("blob",), False, "RAS", None, "zscore", None, False, 2, None)
    place = "ram" if job.device.type == "cpu" else "device"
    store = Store(Cache(job.folder / "cache", recipe).get_all(cases), place, job.device)
    samples = Patches(store, job.patch, BATCH, 0.5, seed=0)
    order = EpochBatches(len(samples), BATCH, 0, 1, seed=0)
    loader: DataLoader[Any] = DataLoader(samples, batch_sampler=order)
    augment = None if config is None else Augment(config)

    def run() -> Batch:
        order.set_epoch(order.epoch + 1)
        return _last((image, label) if augment is None else augment(image, label) for image, label in loader)

    return Side("llmseg.data", run)


def _case(folder: Path, number: int, image: NDArray[np.float32], label: NDArray[np.uint8]) -> Case:
    paths = folder / f"image{number}.nii", folder / f"label{number}.nii"
    for path, values in zip(paths, (image, label), strict=True):
        if not path.exists():
            save(Nifti1Image(values, np.eye(4)), path)
    return Case(str(number), paths[:1], paths[1], str(number), {"blob": (1,)})


def _monai(job: Job, config: AugmentConfig | None) -> Side:
    """Dictionaries, with what does not change (channel, where which class lies) cached as its tutorials do."""
    keep = [
        mt.EnsureChannelFirstd(KEYS, channel_dim="no_channel"),
        mt.EnsureTyped(KEYS, track_meta=False),  # its fastest: no record of what was done
        mt.FgBgToIndicesd("label"),
    ]
    where = {"fg_indices_key": "label_fg_indices", "bg_indices_key": "label_bg_indices"}
    np.random.seed(0)  # MONAI's transforms draw their own seeds from it
    crop = mt.RandCropByPosNegLabeld(KEYS, "label", job.patch, pos=1, neg=1, num_samples=BATCH, **where)
    steps = mt.Compose([*keep, crop, *([] if config is None else _monai_parts(config, job.patch))])
    data = monai_data.CacheDataset(
        [dict(zip(KEYS, pair, strict=True)) for pair in job.volumes], steps, num_workers=0, progress=False
    )
    loader: DataLoader[Any] = DataLoader(data, batch_size=1, shuffle=True, collate_fn=monai_data.list_data_collate)
    return Side(
        "MONAI, dictionary transforms, CacheDataset",
        lambda: _last(_to(job.device, batch["image"], batch["label"]) for batch in loader),
    )


def _monai_parts(config: AugmentConfig, patch: Sequence[int]) -> list[Any]:
    angle = np.radians(config.rotate)
    affine = mt.RandAffined(
        KEYS, prob=1, rotate_range=(angle,) * 3, shear_range=(config.shear,) * 6 if config.shear else None,
        translate_range=[config.shift * n for n in patch], scale_range=(config.scale,) * 3,
        mode=("bilinear", "nearest"), padding_mode="border",
    )  # fmt: skip
    parts = [mt.RandFlipd(KEYS, prob=0.5, spatial_axis=axis) for axis in config.flip]
    parts += [affine, mt.RandScaleIntensityd("image", config.intensity, prob=1)]
    parts.append(mt.RandShiftIntensityd("image", config.intensity, prob=1))
    if not config.gamma:
        return parts
    powers, widths = (1 / (1 + config.gamma), 1 + config.gamma), (0.25, config.blur)
    box = [max(1, round(config.cutout * n)) for n in patch]
    return [
        *parts,
        mt.RandAdjustContrastd("image", prob=config.probability, gamma=powers),
        mt.RandGaussianSmoothd("image", widths, widths, widths, prob=config.probability),
        mt.RandSimulateLowResolutiond("image", prob=config.probability, zoom_range=(1 - config.low_resolution, 1)),
        mt.RandGaussianNoised("image", prob=config.probability, std=config.noise),
        mt.RandCoarseDropoutd("image", 1, [1] * 3, max_spatial_size=box, fill_value=0, prob=config.probability),
    ]


def _torchio_queue(torchio: ModuleType, job: Job, config: AugmentConfig | None) -> Side:
    """Subjects in memory, transformed as a whole, and a queue of as many patches of each as of ours."""
    subjects = [
        torchio.Subject(
            image=torchio.ScalarImage(tensor=torch.from_numpy(image)[None]),
            label=torchio.LabelMap(tensor=torch.from_numpy(label)[None]),
        )
        for image, label in job.volumes
    ]
    transform = None if config is None else torchio.Compose(_torchio_parts(torchio, config, job.patch))
    dataset = torchio.SubjectsDataset(subjects, transform=transform)
    sampler = torchio.UniformSampler(job.patch)
    queue = torchio.Queue(dataset, BATCH * len(subjects), BATCH, sampler, num_workers=0)
    loader = torchio.SubjectsLoader(queue, batch_size=BATCH, num_workers=0)
    data = torchio.DATA
    return Side(
        "torchio, Queue, UniformSampler",
        lambda: _last(_to(job.device, batch["image"][data], batch["label"][data]) for batch in loader),
    )


def _torchio_parts(torchio: ModuleType, config: AugmentConfig, patch: Sequence[int]) -> list[Callable[[Any], Any]]:
    shift = config.shift * max(patch)
    parts = [torchio.RandomFlip(axes=tuple(config.flip), flip_probability=0.5)]
    parts.append(torchio.RandomAffine(scales=config.scale, degrees=config.rotate, translation=shift, isotropic=True))
    if not config.gamma:
        return parts
    share, reduced = config.probability, (1, 1 / (1 - config.low_resolution))
    return [
        *parts,
        torchio.RandomGamma(log_gamma=float(np.log1p(config.gamma)), p=share),
        torchio.RandomBlur(std=(0, config.blur), p=share),
        torchio.RandomAnisotropy(downsampling=reduced, p=share),
        torchio.RandomNoise(std=(0, config.noise), p=share),
    ]


class _H5Files(Dataset[Batch]):
    """What the field's scripts do for every sample: open the case's compressed file, read all of it, cut."""

    def __init__(self, job: Job) -> None:
        self.patch = job.patch
        self.paths = [job.folder / f"{number}.h5" for number in range(len(job.volumes))]
        for path, pair in zip(self.paths, job.volumes, strict=True):
            with h5py.File(path, "w") as file:
                for key, values in zip(KEYS, pair, strict=True):
                    file.create_dataset(key, data=values, compression="gzip")

    def __len__(self) -> int:
        return BATCH * len(self.paths)

    def __getitem__(self, index: int) -> Batch:
        with h5py.File(self.paths[index % len(self.paths)]) as file:
            image, label = file["image"][:], file["label"][:]
        start = [np.random.randint(0, n - p + 1) for n, p in zip(image.shape, self.patch, strict=True)]
        box = tuple(slice(s, s + p) for s, p in zip(start, self.patch, strict=True))
        return torch.from_numpy(image[box][None].copy()), torch.from_numpy(label[box][None].copy())


def _h5(job: Job) -> Side:
    loader = DataLoader(_H5Files(job), batch_size=BATCH, shuffle=True)
    return Side(
        "h5py, a gzip file for each sample (stand-in)", lambda: _last(_to(job.device, *each) for each in loader)
    )


def _last(batches: Iterable[Batch]) -> Batch:
    """All are made, one is kept: a training frees each batch before the next but one."""
    return deque(batches, maxlen=1).pop()


def _to(device: torch.device, image: Tensor, label: Tensor) -> Batch:
    return image.to(device), label.to(device)


def _same(ours: Batch, theirs: Batch) -> Same:
    """Different patches, but of one shape, and in each a label that is still where the image is bright."""
    shapes = [[tuple(values.shape) for values in side] for side in (ours, theirs)]
    steps = [_in_step(*(values.cpu() for values in side)) for side in (ours, theirs)]
    equal = shapes[0] == shapes[1]
    agree = f"image and label agree in {steps[0]:.0%} (ours) and {steps[1]:.0%} of the voxels"
    return Same(equal and min(steps) > 0.9, f"shapes {'are equal' if equal else shapes}; {agree}")


def _in_step(image: Tensor, label: Tensor) -> float:
    """Share of the voxels that lie on their side of the middle between the two classes' medians of the patch."""
    shares = []
    for one, other in zip(image.flatten(1), label.flatten(1) > 0, strict=True):
        middle = (one[other].median() + one[~other].median()) / 2
        shares.append(float(((one > middle) == other).float().mean()))
    return float(np.mean(shares))


if __name__ == "__main__":
    main("patches", QUESTION, rows)
