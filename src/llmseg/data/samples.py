"""Training samples and their order."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from llmseg.data.cache import CachedCase
from llmseg.data.seeds import derive, generator

Index = tuple[int, int]
"""(epoch, sample): the epoch travels with the index, so that loader workers need no state. A set that is passed through
several times in an epoch goes on counting: `sample` modulo its length is the sample."""

Sample = tuple[Tensor, ...]
"""Image and label; of an unlabelled case the image alone."""


class Store:
    """Arrays of preprocessed cases, where the configuration wants them: `disk`, `ram` or on the `device`."""

    def __init__(self, cases: Sequence[CachedCase], place: str, device: torch.device) -> None:
        self.cases = list(cases)
        self._keep = place != "disk"
        self._device = device if place == "device" else torch.device("cpu")
        self._kept: dict[int, Sample] = {}
        self._voxels: dict[int, np.ndarray] = {}
        self._classes: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self.cases)

    def arrays(self, index: int) -> Sample:
        """Image (S, C, *spatial) float32 and label (S, L, *spatial) uint8 of one case; not to be written to.

        An unlabelled case has the image alone.
        """
        if index in self._kept:
            return self._kept[index]
        arrays = (self.cases[index].image(), self.cases[index].label())
        # copy-on-write maps: torch wants writable memory, the file stays as it is
        tensors = tuple(_tensor(array, self._keep).to(self._device) for array in arrays if array is not None)
        if self._keep:
            self._kept[index] = tensors
        return tensors

    def voxels(self, index: int) -> np.ndarray:
        """A sample of the labelled voxels of a case, see `CachedCase.voxels`."""
        if index in self._voxels:
            return self._voxels[index]
        voxels = self.cases[index].voxels()
        if self._keep:
            voxels = self._voxels[index] = np.array(voxels)
        return voxels

    def classes(self, index: int) -> list[int]:
        """Where in these voxels another class begins, and where the last one ends; [0] without any."""
        if index not in self._classes:
            column = np.array(self.voxels(index)[:, 0])
            edges = np.flatnonzero(column[1:] != column[:-1]) + 1
            self._classes[index] = [0, *edges.tolist(), len(column)] if len(column) else [0]
        return self._classes[index]


def _tensor(array: np.ndarray, copy: bool) -> Tensor:
    return torch.from_numpy(np.array(array)) if copy else _mapped(array)


def _mapped(array: np.ndarray) -> Tensor:
    assert isinstance(array, np.memmap)
    return torch.from_numpy(np.load(str(array.filename), mmap_mode="c"))


class Slices(Dataset[Sample]):
    """Every slice of every case: image (C, H, W), label (L, H, W)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        counts = [case.image().shape[0] for case in store.cases]
        self._where = [(case, index) for case, count in enumerate(counts) for index in range(count)]

    def __len__(self) -> int:
        return len(self._where)

    def __getitem__(self, index: Index) -> Sample:
        case, position = self._where[index[1] % len(self)]
        return tuple(array[position] for array in self.store.arrays(case))


class Patches(Dataset[Sample]):
    """Random patches of volumes: image (C, *patch), label (L, *patch).

    A share of the patches is centred on a voxel of a class drawn evenly from those present, as nnU-Net does; the others
    lie anywhere, as all do of unlabelled cases. Volumes smaller than the patch are padded with their border's value
    (image) and background (label).
    """

    def __init__(
        self, store: Store, patch_size: Sequence[int], per_case: int, foreground_fraction: float, seed: int
    ) -> None:
        self.store = store
        self.patch_size = tuple(patch_size)
        self.per_case = per_case
        self.foreground_fraction = foreground_fraction
        self.seed = seed

    def __len__(self) -> int:
        return len(self.store) * self.per_case

    def __getitem__(self, index: Index) -> Sample:
        epoch, sample = index
        case = sample % len(self.store)
        random = np.random.default_rng(derive(self.seed, "patch", epoch, sample))
        arrays = self.store.arrays(case)
        start = self._start(case if len(arrays) > 1 else None, arrays[0].shape[2:], random)
        return tuple(cut(array[0], start, self.patch_size) for array in arrays)

    def _start(self, labelled: int | None, shape: Sequence[int], random: np.random.Generator) -> list[int]:
        low = [min(0, (n - p) // 2) for n, p in zip(shape, self.patch_size, strict=True)]
        high = [max(n - p, (n - p) // 2) for n, p in zip(shape, self.patch_size, strict=True)]
        edges = [0] if labelled is None else self.store.classes(labelled)
        if labelled is None or len(edges) == 1 or random.random() >= self.foreground_fraction:
            return [int(random.integers(a, b + 1)) for a, b in zip(low, high, strict=True)]
        chosen = random.choice(len(edges) - 1)
        row = edges[chosen] + random.integers(edges[chosen + 1] - edges[chosen])
        centre = self.store.voxels(labelled)[row, 2:].tolist()
        return [min(max(c - p // 2, a), b) for c, p, a, b in zip(centre, self.patch_size, low, high, strict=True)]


def cut(volume: Tensor, start: Sequence[int], size: Sequence[int]) -> Tensor:
    """Box of a volume (C, *spatial); where it reaches outside, the volume's smallest value of the channel."""
    inside = tuple(slice(max(s, 0), max(s, 0) + p) for s, p in zip(start, size, strict=True))
    part = volume[(slice(None), *inside)]
    if part.shape[1:] == tuple(size):
        return part
    floor = volume.amin(dim=tuple(range(1, volume.dim())), keepdim=True)
    result = floor.expand(len(volume), *size).clone()
    target = tuple(slice(max(-s, 0), max(-s, 0) + n) for s, n in zip(start, part.shape[1:], strict=True))
    result[(slice(None), *target)] = part
    return result


class EpochBatches(Sampler[list[Index]]):
    """Batches of (epoch, sample), shuffled anew each epoch and dealt to the processes without overlap.

    The incomplete last batch is dropped, but there is always at least one batch: a set smaller than one global batch is
    repeated. Without `drop_last` the last batch is as small as it comes. Lightning calls `set_epoch`.

    Args:
        samples: in the set.
        batch_size: of one process.
        rank: this process.
        world: number of processes.
        seed: of the order.
        start: (epoch, batches of it to leave out), where a resumed training goes on.
        drop_last: leave out the last batch of an epoch where it is not full.
        is_frozen: the first epoch again and again, its patches too (to overfit a few batches on purpose).
        batches: an epoch's, where it is not one pass through the set; every further pass has an order of its own.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        rank: int,
        world: int,
        seed: int,
        start: tuple[int, int] = (0, 0),
        drop_last: bool = True,
        is_frozen: bool = False,
        batches: int | None = None,
    ) -> None:
        self.samples, self.batch_size, self.rank, self.world, self.seed = samples, batch_size, rank, world, seed
        self.start = start
        self.drop_last = drop_last
        self.is_frozen = is_frozen
        self.batches = batches
        self.epoch = start[0]  # loader workers fetch ahead before Lightning's first `set_epoch`

    @property
    def sampler(self) -> "EpochBatches":
        """Itself: Lightning calls `set_epoch` of a batch sampler's sampler, never of the batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = 0 if self.is_frozen else epoch

    def __len__(self) -> int:
        """Batches of a whole epoch, also after a resume."""
        if self.batches is not None:
            return self.batches
        whole = self.batch_size * self.world
        return max(1, self.samples // whole) if self.drop_last else -(-self.samples // whole)

    def __iter__(self) -> Iterator[list[Index]]:
        # not dropped: rounded up to the same number for every process, which would wait for the others otherwise
        is_whole = self.drop_last or self.batches is not None
        needed = len(self) * self.batch_size * self.world if is_whole else -(-self.samples // self.world) * self.world
        order = self._order(-(-needed // self.samples))[:needed]
        mine = order[self.rank :: self.world].tolist()
        done = self.start[1] if self.epoch == self.start[0] else 0
        for first in range(done * self.batch_size, len(mine), self.batch_size):
            yield [(self.epoch, sample) for sample in mine[first : first + self.batch_size]]

    def _order(self, passes: int) -> Tensor:
        """So many passes through the set, each shuffled."""
        random = generator(self.seed, "order", self.epoch)
        return torch.cat(
            [number * self.samples + torch.randperm(self.samples, generator=random) for number in range(passes)]
        )
