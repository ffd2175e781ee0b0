"""Data modules of items that fit into memory as they are: slices with boxes, reports."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from llmseg.data.samples import EpochBatches, Index
from llmseg.data.split import Split
from llmseg.errors import ConfigError
from llmseg.processes import die_with_parent

PARTS = ("train", "val", "test", "all")
Item = TypeVar("Item")


class ListedData(pl.LightningDataModule, ABC, Generic[Item]):
    """Items by the id of their case or report, dealt to the processes as lists.

    Args:
        config: has `batch_size`, `workers` and `drop_last`.
        seed: of the order.

    Attributes:
        split: of ids, once something has been prepared.
    """

    training_parts = ("train", "val")
    uses_unlabelled = False

    def __init__(self, config: Any, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.split: Split | None = None
        self._listed = config
        self._start = (0, 0)
        self._unused: dict[str, frozenset[str]] = {}

    @abstractmethod
    def prepare(self, parts: Sequence[str] = ("train", "val", "test")) -> None:
        """Read, check and divide everything, and load the named parts; does nothing the second time."""

    @abstractmethod
    def items(self) -> Mapping[str, Sequence[Item]]:
        """Id -> its items, of all that is loaded, in the order of the file."""

    @abstractmethod
    def known(self) -> Sequence[str]:
        """All ids, once something has been prepared."""

    def training_set(self, items: Sequence[Item]) -> Dataset[Item]:
        """What the training loader takes its items from, by `Index`."""
        return _AsTheyAre(items)

    def part(self, name: str) -> list[Item]:
        """Items of `train`, `val` or `test`, or `all`; in the order of the split, or of the file.

        Raises:
            ConfigError: no part of that name.
            DataError: see `prepare`.
        """
        self.prepare([name])
        items = self.items()
        return [item for id_ in self.ids(name) for item in items[id_]]

    def ids(self, part: str) -> tuple[str, ...]:
        """Ids of a part, once something has been prepared.

        Raises:
            ConfigError: no part of that name.
        """
        if part not in PARTS:
            raise ConfigError(f"part={part}: choose {', '.join(PARTS)}")
        if part == "all":
            return tuple(self.known())
        ids: tuple[str, ...] = getattr(self.split, part)
        return tuple(id_ for id_ in ids if id_ not in self._unused.get(part, ()))

    def restrict(self, part: str, is_usable: Callable[[Item], bool]) -> int:
        """Leave ids with an item that cannot be used out of a part; the split still names them.

        Returns:
            How many.
        """
        self.prepare([part])
        items = self.items()
        unusable = frozenset(id_ for id_ in self.ids(part) if not all(map(is_usable, items[id_])))
        self._unused[part] = self._unused.get(part, frozenset()) | unusable
        return len(unusable)

    def start_at(self, epoch: int, batch: int) -> None:
        """Let the training loader begin with this batch of this epoch, for a resumed training."""
        self._start = (epoch, batch)

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook on every process."""
        self.prepare(self.training_parts)

    def train_dataloader(self) -> DataLoader[Item]:
        """Batches of items; their order and what becomes of them are functions of seed, epoch and number."""
        rank, world = self._process()
        config, items = self._listed, self.part("train")
        is_frozen = bool(self.trainer and self.trainer.overfit_batches)  # type: ignore[attr-defined]
        order = EpochBatches(
            len(items), config.batch_size, rank, world, self.seed, self._start, config.drop_last, is_frozen
        )
        return DataLoader(
            self.training_set(items),
            batch_sampler=order,
            collate_fn=_as_it_is,
            num_workers=config.workers,
            persistent_workers=config.workers > 0,
            worker_init_fn=die_with_parent,
        )

    def val_dataloader(self) -> DataLoader[list[Item]]:
        """Every item once, dealt to the processes; all have as many batches, the last ones perhaps empty."""
        rank, world = self._process()
        items, size = self.part("val"), self._listed.batch_size
        each = -(-len(items) // world)
        mine = items[rank::world]
        batches = _Batches([mine[first : first + size] for first in range(0, each, size)])
        return DataLoader(batches, batch_size=None, collate_fn=_as_it_is)

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """Leave batches where they are: models make tensors of the items themselves."""
        return batch

    def _process(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


class _AsTheyAre(Dataset[Item]):
    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Index) -> Item:
        return self.items[index[1] % len(self.items)]


class _Batches(Dataset[list[Item]]):
    def __init__(self, batches: Sequence[list[Item]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> list[Item]:
        return self.batches[index]


def _as_it_is(batch: Any) -> Any:
    return batch
