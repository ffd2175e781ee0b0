"""The `data` node of conf/data/openi.yaml and conf/data/reports.yaml."""

from dataclasses import dataclass, field
from typing import Any

from llmseg.errors import ConfigError

FORMATS = ("openi", "table", "json", "chat")
RULES = ("group", "dedup", "usual")
SECTIONS = ("findings", "indication", "comparison")
"""What of an Open-i report may be read by a writer; the impression is what is written."""


@dataclass
class ColumnsConfig:
    """Which columns of a table, or keys of JSON objects, are which part of a report.

    Attributes:
        input: one name, or a list, which are joined by line ends in this order; empty ones are left out, but the last
            one must be there. null (and output null as well): recognised by the names in the file.
        output: what the writer learns to write.
        instruction: what is asked for, where each report says so itself; null: as the prompt says.
        id: unique; null: the number of the row.
        group: patient, or another unit that a division never crosses; null: each report is its own.
        labels: names of findings, separated by semicolons or bars.
    """

    input: Any = None
    output: str | None = None
    instruction: str | None = None
    id: str | None = None
    group: str | None = None
    labels: str | None = None


@dataclass
class ReportSplitConfig:
    """How reports are divided.

    Attributes:
        rule: group: at random, groups whole. dedup: as well, and reports with the same findings (else input) but for
            case and white space lie in one part. usual: the lists that published numbers on Open-i belong to.
        test: share of all reports for the final table; ignored where a file says which they are.
        val: share of the remaining reports for validation; 0 = none; ignored where a file says which they are.
        seed: of the division; independent of the training seed.
        file: a JSON file with `train`, `test` and optionally `val` lists of ids; null: `split.json` beside the data.
    """

    rule: str = "group"
    test: float = 0.1
    val: float = 0.1
    seed: int = 0
    file: str | None = None


@dataclass
class ReportsConfig:
    """Reports and how they become batches.

    Attributes:
        name: short name, used in run folders and tables.
        file: table, JSON or JSON Lines; for Open-i its archive, or the unpacked folder; null: that of torchxrayvision.
        val_file: a further file of the same kind whose reports validate; null: a share of `file`.
        test_file: a further file of the same kind whose reports test; null: a share of `file`.
        format: openi | table | json | chat; null: told by the file's ending and content.
        columns: see ColumnsConfig.
        where: column -> value, or list of values, in any case: only such reports are used, of all files.
        input: sections of Open-i that are read: findings, perhaps indication and comparison; null: findings.
        headings: with several parts of the input, begin each with its name.
        language: en | zh; how texts are scored; null: told by the outputs.
        encoding: of text files; null: detected (UTF-8, UTF-8 or UTF-16 with a byte order mark, GBK).
        empty: reports without input or output: error | drop (counted).
        split: see ReportSplitConfig.
        batch_size: reports a step and device.
        workers: loader processes.
        drop_last: leave out an epoch's last batch where it is not full.
        max_length: tokens of prompt and output together.
        too_long: longer reports are left out (`drop`) or cut (`cut`); both are counted.
        packing: put several short reports into one row of tokens.
        note: a caution printed beside every result on this data set, or null.
    """

    name: str = "reports"
    file: str | None = None
    val_file: str | None = None
    test_file: str | None = None
    format: str | None = None
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)
    where: dict[str, Any] | None = None
    input: Any = None
    headings: bool = False
    language: str | None = None
    encoding: str | None = None
    empty: str = "error"
    split: ReportSplitConfig = field(default_factory=ReportSplitConfig)
    batch_size: int = 8
    workers: int = 0
    drop_last: bool = True
    max_length: int = 512
    too_long: str = "drop"
    packing: bool = False
    note: str | None = None


def check_reports(config: ReportsConfig) -> None:
    """Refuse values that cannot be, before a file is opened.

    Raises:
        ConfigError: names the key and the choices.
    """
    choices = {
        "format": (config.format, (None, *FORMATS)),
        "language": (config.language, (None, "en", "zh")),
        "empty": (config.empty, ("error", "drop")),
        "too_long": (config.too_long, ("drop", "cut")),
        "split.rule": (config.split.rule, RULES),
    }
    for key, (value, known) in choices.items():
        if value not in known:
            raise ConfigError(f"data.{key}={value}: choose {', '.join(str(each or 'null') for each in known)}")
    for key in ("batch_size", "max_length"):
        if getattr(config, key) < 1:
            raise ConfigError(f"data.{key}={getattr(config, key)}: give 1 or more")
    for key in ("test", "val"):
        if not 0 <= getattr(config.split, key) < 1:
            raise ConfigError(f"data.split.{key}={getattr(config.split, key)}: a share, 0 or more and below 1")
    _check_files(config)
    _check_columns(config)
    names_of(config.input, "data.input")


def _check_files(config: ReportsConfig) -> None:
    if config.file is None and config.format != "openi":
        raise ConfigError("data.file: name a table, a JSON file or a JSON Lines file, e.g. data.file=train.csv")
    further = next((key for key in ("test_file", "val_file") if getattr(config, key) is not None), None)
    lists = "file" if config.split.file is not None else "rule=usual" if config.split.rule == "usual" else None
    if further and lists:
        raise ConfigError(f"data.split.{lists} and data.{further} both say who is in which part: leave out one")
    if config.split.rule == "usual" and config.split.file is not None:
        raise ConfigError("data.split.file: data.split.rule=usual has lists of its own; leave out one of them")


def _check_columns(config: ReportsConfig) -> None:
    inputs, output = names_of(config.columns.input, "data.columns.input"), config.columns.output
    if bool(inputs) != bool(output):
        missing = "output" if inputs else "input"
        raise ConfigError(f"data.columns.{missing}: name it too, or leave both to be recognised")
    if output in inputs:
        raise ConfigError(f"data.columns.output={output}: is an input as well; the answer would be in the question")


def names_of(value: Any, key: str) -> tuple[str, ...]:
    """One name, several or none, as a tuple.

    Raises:
        ConfigError: neither, or a name twice.
    """
    names = () if value is None else (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"{key}={value}: give a name, or a list of names")
    if len(set(names)) < len(names) or (value is not None and not names):
        raise ConfigError(f"{key}={value}: name each once, or null")
    return tuple(names)
