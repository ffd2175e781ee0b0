"""The Lightning data module: one for every data set, network dimension and method."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from llmseg.data.cache import Cache, CachedCase
from llmseg.data.cases import Case, Reader
from llmseg.data.config import DataConfig
from llmseg.data.folds import choose_fold
from llmseg.data.formats import picture
from llmseg.data.labelled import divide, require_labels
from llmseg.data.preprocessing import Recipe
from llmseg.data.samples import EpochBatches, Patches, Sample, Slices, Store
from llmseg.data.scan import check_classes
from llmseg.data.seeds import derive
from llmseg.data.split import Split, without_held_out
from llmseg.data.split_rules import BY_CASE
from llmseg.data.validation import check_cases, require_unique_ids
from llmseg.errors import ConfigError
from llmseg.processes import die_with_parent

PARTS = ("train", "val", "test", "all")
ValidationBatch = tuple[Tensor, Tensor, bool]
"""Image (S, C, *spatial), label (S, L, *spatial) and whether the case counts (False: filler for an idle process)."""


class SegmentationData(pl.LightningDataModule):
    """Cases of one data set, split by patient, preprocessed, and served as slices (2D) or patches (3D).

    Args:
        config: facts and choices, see `DataConfig`; `classes` and `channels` must be known.
        reader: turns the root into cases.
        spatial_dims: of the network, 2 or 3.
        cache: folder of preprocessed cases.
        seed: of order and crops.
        uses_unlabelled: the training method takes a second stream, of unlabelled cases; None: nothing is trained.
    """

    def __init__(
        self,
        config: DataConfig,
        reader: Reader,
        spatial_dims: int,
        cache: Path,
        seed: int,
        uses_unlabelled: bool | None = None,
    ) -> None:
        super().__init__()
        if config.cache not in ("disk", "ram", "device"):
            raise ConfigError(f"data.cache={config.cache}: choose disk, ram or device")
        if spatial_dims == 3 and (len(config.patch_size) != 3 or min(config.patch_size) < 1):
            raise ConfigError(f"data.patch_size={config.patch_size}: give three positive numbers")
        for key in ("batch_size", "unlabelled_batch_size"):
            if (size := getattr(config, key)) is not None and size < 1:
                raise ConfigError(f"data.{key}={size}: give 1 or more")
        self.config = with_caution(config)
        self.reader = reader
        self.spatial_dims = spatial_dims
        self.recipe = Recipe.of(config, spatial_dims)
        self.seed = seed
        self.uses_unlabelled = uses_unlabelled
        self._cache = Cache(cache, self.recipe)
        self.cases: dict[str, Case] = {}
        self.split: Split | None = None
        self._ready: dict[str, CachedCase] = {}
        self._start = (0, 0)

    def start_at(self, epoch: int, batch: int) -> None:
        """Let the training loader begin with this batch of this epoch, for a resumed training."""
        self._start = (epoch, batch)

    def prepare(self, parts: Sequence[str] = ("train", "val", "test")) -> None:
        """Read, check, split and preprocess the cases of the named parts; does nothing the second time.

        Raises:
            DataError: anything wrong with the data; nothing has been trained or written but the cache by then.
        """
        wanted = [self.cases[id_] for part in parts for id_ in self._ids(part) if id_ not in self._ready]
        if wanted:
            self._ready.update(zip((case.id for case in wanted), self._cache.get_all(wanted), strict=True))

    def part(self, name: str) -> list[CachedCase]:
        """Preprocessed cases of `train`, `val` or `test` in the order of the split, or of `all` labelled cases.

        `unlabelled` are training cases; their labels, if there are any, have not been read.

        Raises:
            ConfigError: no part of that name.
        """
        self.prepare([name])
        return [self._ready[id_] for id_ in self._ids(name)]

    def patch(self) -> tuple[int, ...]:
        """Spatial size of one training sample."""
        return self.recipe.image_size or tuple(self.config.patch_size)

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook on every process."""
        self.prepare(self.training_parts)

    @property
    def training_parts(self) -> tuple[str, ...]:
        """Parts that a training needs."""
        return ("train", "val", *(("unlabelled",) if self.uses_unlabelled else ()))

    def train_dataloader(self) -> Any:
        """Batches of image (N, C, *spatial) and label (N, L, *spatial).

        For a method that takes unlabelled cases too: batches of both, `{"labelled": (image, label), "unlabelled":
        (image,)}`. An epoch is then, and wherever `data.labelled` is set, at least as long as a pass through the
        unlabelled cases takes: the methods that are compared on one split have epochs of one length.
        """
        labelled = self._samples("train", self.seed)
        batches = self._epoch_length(len(labelled))
        loader = self._loader(labelled, self.config.batch_size, self.seed, batches)
        if not self.uses_unlabelled:
            return loader
        seed = derive(self.seed, "unlabelled")
        other = self._loader(self._samples("unlabelled", seed), self._unlabelled_size, seed, batches or len(loader))
        return CombinedLoader({"labelled": loader, "unlabelled": other}, mode="min_size")

    def _loader(self, samples: Slices | Patches, size: int, seed: int, batches: int | None) -> DataLoader[Sample]:
        rank, world = self._process()
        is_frozen = bool(self.trainer and self.trainer.overfit_batches)  # type: ignore[attr-defined]
        order = EpochBatches(
            len(samples), size, rank, world, seed, self._start, self.config.drop_last, is_frozen, batches
        )
        workers = 0 if self.config.cache == "device" else self.config.workers
        return DataLoader(
            samples,
            batch_sampler=order,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=die_with_parent,
            pin_memory=torch.cuda.is_available() and self.config.cache != "device",
        )

    def val_dataloader(self) -> DataLoader[ValidationBatch]:
        """Whole cases, dealt to the processes; a filler repeats a case where the deal does not come out even."""
        rank, world = self._process()
        cases = self.part("val")
        each = -(-len(cases) // world)
        mine = [(cases[n % len(cases)], n < len(cases)) for n in range(rank, each * world, world)] if cases else []
        return DataLoader(_WholeCases(mine), batch_size=None)

    def _read(self) -> None:
        if self.cases:
            return
        cases = self.reader(Path(self.config.root))
        require_unique_ids(cases)
        if self.spatial_dims == 3 and picture.claims(cases[0].images[0]):
            raise ConfigError(
                f"model.spatial_dims=3: {self.config.name} holds pictures, which have two; choose a 2D network, or set "
                "model.spatial_dims=2 where it has both"
            )
        check_classes(cases[0].labels, self.recipe.classes, self.recipe.overlapping)
        for case in cases:
            if len(case.images) != self.config.channels:
                raise ConfigError(
                    f"data.channels={self.config.channels}: case {case.id} has {len(case.images)} images, one a channel"
                )
        self.cases = {case.id: case for case in cases}

    def _divide(self) -> None:
        self._read()
        if self.split is not None:
            return
        split = divide(self.cases, self.config)
        require_labels(split, self.cases, self.uses_unlabelled, self.config)
        # from here on nobody knows where their labels lie
        self.cases |= {id_: replace(self.cases[id_], label=None) for id_ in split.unlabelled}
        check_cases(list(self.cases.values()))
        if self.config.fold is not None:
            split = choose_fold(split, self.cases, self.recipe.classes, self.config)
            split = without_held_out(split, {id_: case.group for id_, case in self.cases.items()})
        self.split = split

    def _ids(self, part: str) -> tuple[str, ...]:
        if part not in (*PARTS, "unlabelled"):
            raise ConfigError(f"part={part}: choose {', '.join(PARTS)}")
        if part == "all":
            self._read()
            check_cases(list(self.cases.values()))
            return tuple(sorted(id_ for id_, case in self.cases.items() if case.label is not None))
        self._divide()
        ids: tuple[str, ...] = getattr(self.split, part)
        return ids

    def _samples(self, part: str, seed: int) -> Slices | Patches:
        store = Store(self.part(part), self.config.cache, self._device())
        if self.spatial_dims == 2:
            return Slices(store)
        return Patches(
            store, self.config.patch_size, self.config.patches_per_case, self.config.foreground_fraction, seed
        )

    @property
    def _unlabelled_size(self) -> int:
        size = self.config.unlabelled_batch_size
        return self.config.batch_size if size is None else size

    def _epoch_length(self, labelled: int) -> int | None:
        """Batches of an epoch where unlabelled cases rule it, None where a pass through the labelled ones does."""
        assert self.split is not None
        if not self.split.unlabelled:
            return None
        _, world = self._process()
        each = self.config.patches_per_case if self.spatial_dims == 3 else labelled / len(self.split.train)
        unlabelled = int(len(self.split.unlabelled) * each)
        return max(labelled // (self.config.batch_size * world), unlabelled // (self._unlabelled_size * world), 1)

    def _process(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")


class _WholeCases(Dataset[ValidationBatch]):
    def __init__(self, cases: Sequence[tuple[CachedCase, bool]]) -> None:
        self.cases = cases

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> ValidationBatch:
        case, counts = self.cases[index]
        return torch.from_numpy(np.array(case.image())), torch.from_numpy(np.array(case.label())), counts


def with_caution(config: DataConfig) -> DataConfig:
    """The configuration with a note that says aloud that cases rather than patients were divided."""
    if config.split.rule not in BY_CASE:
        return config
    caution = (
        f"published split, rule {config.split.rule}: case by case, not by patient; frames or slices of one patient "
        "may be in training and test"
    )
    return replace(config, note=f"{config.note}; {caution}" if config.note else caution)
