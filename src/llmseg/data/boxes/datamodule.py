"""The Lightning data module of slices with boxes."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from llmseg.data.boxes.augment import augment, check_augment
from llmseg.data.boxes.config import BoxesConfig
from llmseg.data.boxes.pictures import check_images, load_sample
from llmseg.data.boxes.records import read_records, summary_file
from llmseg.data.boxes.sample import Record, Sample
from llmseg.data.cases import Case
from llmseg.data.samples import EpochBatches, Index
from llmseg.data.split import Split, make_split
from llmseg.errors import ConfigError, DataError
from llmseg.processes import die_with_parent

PARTS = ("train", "val", "test", "all")
Batch = list[Sample]


class BoxData(pl.LightningDataModule):
    """Slices of one summary.jsonl, split by patient, held in memory as 8-bit images.

    Args:
        config: see `BoxesConfig`.
        seed: of order and augmentation.

    Attributes:
        split: of case ids, once something has been prepared.
    """

    training_parts = ("train", "val")
    uses_unlabelled = False

    def __init__(self, config: BoxesConfig, seed: int) -> None:
        super().__init__()
        if config.batch_size < 1:
            raise ConfigError(f"data.batch_size={config.batch_size}: give 1 or more")
        if config.sequences is not None and len(set(config.sequences)) < max(len(config.sequences), 1):
            raise ConfigError(f"data.sequences={list(config.sequences)}: name each once, or null for all")
        check_augment(config.augment)
        self.config = config
        self.seed = seed
        self.split: Split | None = None
        self._records: dict[str, list[Record]] = {}
        self._ready: dict[str, list[Sample]] = {}
        self._start = (0, 0)

    @property
    def file(self) -> Path:
        """summary.jsonl."""
        return summary_file(Path(self.config.root).expanduser())

    def start_at(self, epoch: int, batch: int) -> None:
        """Let the training loader begin with this batch of this epoch, for a resumed training."""
        self._start = (epoch, batch)

    @property
    def patients(self) -> dict[str, str]:
        """Case id -> patient, once something has been prepared."""
        return {id_: records[0].group for id_, records in self._records.items()}

    def prepare(self, parts: Sequence[str] = ("train", "val", "test")) -> None:
        """Read, check and split all lines, and open the images of the named parts; does nothing the second time.

        Raises:
            ConfigError: a sequence that no line has, or no such part.
            DataError: anything wrong with the data.
        """
        self._read()
        for part in parts:
            for id_ in self._ids(part):
                if id_ not in self._ready:
                    samples = [load_sample(record, self.config.sequences) for record in self._records[id_]]
                    self._ready[id_] = samples

    def part(self, name: str) -> list[Sample]:
        """Slices of `train`, `val` or `test`, or of `all` cases; cases in the order of the split, or of the file.

        Raises:
            ConfigError: no part of that name.
            DataError: see `prepare`.
        """
        self.prepare([name])
        return [sample for id_ in self._ids(name) for sample in self._ready[id_]]

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook on every process."""
        self.prepare(self.training_parts)

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of augmented slices; their order and what becomes of them are functions of seed, epoch and number."""
        rank, world = self._process()
        samples = _Slices(self.part("train"), self.config, self.seed)
        is_frozen = bool(self.trainer and self.trainer.overfit_batches)  # type: ignore[attr-defined]
        order = EpochBatches(
            len(samples), self.config.batch_size, rank, world, self.seed, self._start, self.config.drop_last, is_frozen
        )
        return DataLoader(
            samples,
            batch_sampler=order,
            collate_fn=_as_it_is,
            num_workers=self.config.workers,
            persistent_workers=self.config.workers > 0,
            worker_init_fn=die_with_parent,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every slice once, dealt to the processes; all have as many batches, the last ones perhaps empty."""
        rank, world = self._process()
        samples, size = self.part("val"), self.config.batch_size
        each = -(-len(samples) // world)
        mine = samples[rank::world]
        return DataLoader(
            _Batches([mine[first : first + size] for first in range(0, each, size)]),
            batch_size=None,
            collate_fn=_as_it_is,
        )

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """Leave batches where they are: models make tensors of the slices themselves."""
        return batch

    def _read(self) -> None:
        if self._records:
            return
        records = read_records(self.file)
        self._check_sequences(records)
        check_images(records, self.file)
        cases: dict[str, list[Record]] = {}
        for record in records:
            cases.setdefault(record.case, []).append(record)
        self.split = self._divide(cases)
        self._records = cases

    def _divide(self, cases: dict[str, list[Record]]) -> Split:
        """Every case counts as labelled: a line without boxes says that there is nothing."""
        firsts = {id_: next(iter(records[0].images.values())) for id_, records in cases.items()}
        scans = [Case(id_, (firsts[id_],), firsts[id_], records[0].group) for id_, records in cases.items()]
        return make_split(scans, self.config.split, self.file.parent)

    def _check_sequences(self, records: Sequence[Record]) -> None:
        known = list(dict.fromkeys(name for record in records for name in record.images))
        for name in self.config.sequences or ():
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"
                raise ConfigError(f"data.sequences: {self.file} has no {name!r}: {hint}")
        for record in records:
            if self.config.sequences is not None and not set(self.config.sequences) & record.images.keys():
                raise DataError(
                    f"{self.file}, line {record.line}: has none of data.sequences={list(self.config.sequences)}, only "
                    f"{', '.join(record.images)}: name a sequence that every line has, or remove the line"
                )

    def _ids(self, part: str) -> tuple[str, ...]:
        if part not in PARTS:
            raise ConfigError(f"part={part}: choose {', '.join(PARTS)}")
        if part == "all":
            return tuple(self._records)
        ids: tuple[str, ...] = getattr(self.split, part)
        return ids

    def _process(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


class _Slices(Dataset[Sample]):
    def __init__(self, samples: Sequence[Sample], config: BoxesConfig, seed: int) -> None:
        self.samples, self.config, self.seed = samples, config.augment, seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Index) -> Sample:
        epoch, number = index
        return augment(self.samples[number % len(self)], self.config, self.seed, epoch, number)


class _Batches(Dataset[Batch]):
    def __init__(self, batches: Sequence[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return self.batches[index]


def _as_it_is(batch: Any) -> Any:
    return batch
