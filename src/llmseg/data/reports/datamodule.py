"""The Lightning data module of reports."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from llmseg.data.listed import ListedData
from llmseg.data.reports.config import ReportsConfig, check_reports
from llmseg.data.reports.language import language_of
from llmseg.data.reports.reading import read_reports
from llmseg.data.reports.sample import Report
from llmseg.data.reports.splits import divide
from llmseg.errors import ConfigError


class ReportData(ListedData[Report]):
    """Reports of one file, or of one for each part, held in memory as texts; batches are lists of them.

    Reports of a further file have ids that begin with its part, `test:12`, unless `data.columns.id` names ids.

    Args:
        config: see `ReportsConfig`.
        seed: of the order.

    Attributes:
        left_out: why -> how many reports that the files hold are not used; filled in by `prepare`.
        shortened: how many a training reads in part only; filled in by whoever knows their tokens.

    Raises:
        ConfigError: a value that cannot be.
    """

    def __init__(self, config: ReportsConfig, seed: int) -> None:
        check_reports(config)
        super().__init__(config, seed)
        self.config = config
        self.left_out: Counter[str] = Counter()
        self.shortened = 0
        self._reports: dict[str, tuple[Report]] = {}

    @property
    def patients(self) -> dict[str, str]:
        """Report id -> group, once something has been prepared; a report without one is its own."""
        return {id_: report.group or id_ for id_, (report,) in self._reports.items()}

    @property
    def language(self) -> str:
        """Of the texts, as the configuration says, or as the outputs are written."""
        self.prepare(())
        return self.config.language or language_of(report.output or "" for (report,) in self._reports.values())

    def prepare(self, parts: Sequence[str] = ("train", "val", "test")) -> None:
        """Read, check and divide all reports; does nothing the second time.

        Raises:
            ConfigError: a column that is not there, no such part, or `usual` for something else than Open-i.
            DataError: anything wrong with the data.
        """
        if self.split is None:
            self._read()
        for part in parts:
            self.ids(part)

    def items(self) -> Mapping[str, Sequence[Report]]:
        """See ListedData."""
        return self._reports

    def known(self) -> Sequence[str]:
        """See ListedData."""
        return tuple(self._reports)

    def _read(self) -> None:
        config = self.config
        named = {"train": config.file, "val": config.val_file, "test": config.test_file}
        files: dict[str, list[Report]] = {}
        left_out: Counter[str] = Counter()
        for part, name in named.items():
            if part == "train" or name is not None:
                found = read_reports(config, None if name is None else Path(name).expanduser())
                if config.split.rule == "usual" and found.kind != "openi":
                    raise ConfigError("data.split.rule=usual: is Open-i's; choose group or dedup")
                is_named = part == "train" or config.columns.id is not None
                files[part] = found.reports if is_named else [replace(r, id=f"{part}:{r.id}") for r in found.reports]
                left_out.update(found.left_out)
        reports = {report.id: (report,) for part in files.values() for report in part}
        split = divide(files, config.split, self._folder(), is_filtered=config.where is not None)
        if unused := len(reports) - sum(map(len, (split.train, split.val, split.test))):
            left_out["data.split"] += unused
        self._reports, self.left_out, self.split = reports, left_out, split

    def _folder(self) -> Path | None:
        if self.config.file is None:
            return None
        file = Path(self.config.file).expanduser()
        return file if file.is_dir() else file.parent
