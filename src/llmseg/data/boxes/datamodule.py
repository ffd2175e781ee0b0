"""The Lightning data module of slices with boxes."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from torch.utils.data import Dataset

from llmseg.data.boxes.augment import augment, check_augment
from llmseg.data.boxes.config import BoxesConfig
from llmseg.data.boxes.pictures import check_images, load_sample
from llmseg.data.boxes.records import read_records, summary_file
from llmseg.data.boxes.sample import Record, Sample
from llmseg.data.cases import Case
from llmseg.data.listed import ListedData
from llmseg.data.samples import Index
from llmseg.data.split import Split, make_split
from llmseg.errors import ConfigError, DataError


class BoxData(ListedData[Sample]):
    """Slices of one summary.jsonl, split by patient, held in memory as 8-bit images.

    Args:
        config: see `BoxesConfig`.
        seed: of order and augmentation.

    Attributes:
        split: of case ids, once something has been prepared.
    """

    def __init__(self, config: BoxesConfig, seed: int) -> None:
        super().__init__(config, seed)
        if config.batch_size < 1:
            raise ConfigError(f"data.batch_size={config.batch_size}: give 1 or more")
        if config.sequences is not None and len(set(config.sequences)) < max(len(config.sequences), 1):
            raise ConfigError(f"data.sequences={list(config.sequences)}: name each once, or null for all")
        check_augment(config.augment)
        self.config = config
        self._records: dict[str, list[Record]] = {}
        self._ready: dict[str, list[Sample]] = {}

    @property
    def file(self) -> Path:
        """summary.jsonl."""
        return summary_file(Path(self.config.root).expanduser())

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
            for id_ in self.ids(part):
                if id_ not in self._ready:
                    samples = [load_sample(record, self.config.sequences) for record in self._records[id_]]
                    self._ready[id_] = samples

    def items(self) -> Mapping[str, Sequence[Sample]]:
        """See ListedData."""
        return self._ready

    def known(self) -> Sequence[str]:
        """See ListedData."""
        return tuple(self._records)

    def training_set(self, items: Sequence[Sample]) -> Dataset[Sample]:
        """Slices that are augmented as functions of seed, epoch and number."""
        return _Slices(items, self.config, self.seed)

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


class _Slices(Dataset[Sample]):
    def __init__(self, samples: Sequence[Sample], config: BoxesConfig, seed: int) -> None:
        self.samples, self.config, self.seed = samples, config.augment, seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Index) -> Sample:
        epoch, number = index
        return augment(self.samples[number % len(self)], self.config, self.seed, epoch, number)
