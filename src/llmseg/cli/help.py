"""The text of `--help`, put together from the folder conf/ alone: no YAML parser, no Hydra, so it is there at once."""

import re
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

from llmseg.resources import find

_EXAMPLES = {
    "train": (
        ("", "the defaults, marked * above"),
        ("model=gpt4o data=brats trainer.devices=2", "two processes, or two cards"),
        ("data=hippocampus data.root=/scans/Task04 loss=dice_ce", "your own copy of a data set"),
        ("-m model=gpt4o,llama31 seed=0,1,2", "one run for each combination"),
        ("debug=fast", "one batch of everything"),
        ("method=grounding data=boxes data.root=boxes", "boxes; method=grounding --help"),
        ("method=report data=openi", "reports; method=report --help"),
    ),
    "evaluate": (
        ("run=runs/mni152_gpt4o/2025-01-31_12-00-00", "score a run again"),
        ("run=runs/mni152_gpt4o/2025-01-31_12-00-00 data=hippocampus", "score it on another data set"),
        ("'run=[runs/folds/a,runs/folds/b]'", "score the ensemble of several runs"),
    ),
    "predict": (
        ("run=runs/la/2025-01-31_12-00-00 input=scan.nii.gz output=masks", "masks/scan.nii.gz"),
        ("run=runs/la/2025-01-31_12-00-00 input=scans output=masks overlay=true", "a folder; pictures"),
        ("'run=[runs/folds/a,runs/folds/b]' input=dicom/series7 output=masks", "an ensemble"),
    ),
    "check": (
        ("data=brats data.root=/scans/BraTS2023", "every fault of your copy, before anything is trained"),
        ("data=nnunet data.root=/scans/Dataset123 output=report", "the same table as report/check.csv"),
    ),
    "boxes": (
        ("data=brats 'data.modalities=[flair,t1ce]' output=boxes", "eight sagittal slices a case"),
        ("data=la output=atria plane=axial slices=16 format=png", "where is the left atrium?"),
    ),
    "study": (
        ("author=openai author.model=gpt-4o", "an endpoint; its key is in OPENAI_API_KEY"),
        ("-m author=ollama author.model=llama4,gemma3 repeat=0,1,2", "six studies on this machine"),
        ("author=recorded author.transcript=runs/study_openai/a", "its answers once more"),
    ),
    "chat": (
        ("run=runs/openi_smollm2/2026-01-31_12-00-00", "a conversation; 'quit' ends it"),
        ("run=runs/openi_smollm2/2026-01-31_12-00-00 in_csv=in.csv out_csv=out.csv", "a column GENERATED"),
    ),
    "app": (
        ("run=runs", "all runs below a folder, at http://127.0.0.1:7860"),
        ("run=runs/openi_smollm2/2026-01-31_12-00-00 port=null", "one run; a free port"),
    ),
    "knowledge": (
        ('organ="left atrium" modality=LGE-MRI author=smollm2', "an LLM on this machine"),
        ("organ=pancreas modality=CT author=openai:gpt-4o", "one behind an endpoint"),
    ),
}
_FLAGS = (
    ("--cfg job", "print the composed configuration and stop; every key in it can be overridden"),
    ("--multirun, -m", "run all combinations of comma-separated values"),
    ("--config-dir DIR", "a folder of your own YAML files, laid out as conf/; they go before ours"),
    ("--version", "print the version"),
    ("--hydra-help", "Hydra's own options, tab completion among them"),
)


def help_text(folders: Sequence[Path], config_name: str, program: str) -> str:
    """Return the help of one command.

    Args:
        folders: each with a folder for each group; the first `<config_name>.yaml` counts.
        config_name: top config, such as `train`.
        program: how the user calls it, such as `python train.py`.
    """
    path = find(folders, f"{config_name}.yaml")
    assert path is not None
    top = path.read_text(encoding="utf-8")
    width = min(shutil.get_terminal_size().columns, 120)
    examples = _EXAMPLES.get(config_name, ())
    sections = [
        f"usage: {_usage(top, program)}",
        "Groups: each choice is a file conf/<group>/<choice>.yaml; * is the default\n" + _groups(folders, top, width),
        "Options\n" + _table(_FLAGS),
        "Examples\n" + _table(tuple((f"{program} {line}".strip(), why) for line, why in examples)),
    ]
    return "\n\n".join(section for section in sections if section and not section.endswith("\n")) + "\n"


def choices(folder: Path) -> list[str]:
    """Return the choices of a group's folder: its YAML files, except those whose name starts with `_`."""
    names = (path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
    return sorted(name for name in names if not name.rpartition("/")[2].startswith("_"))


def _usage(top: str, program: str) -> str:
    """Return the one-line comment on top of a config, with the command in it as the user typed it."""
    found = re.match(r"#\s*(?:python (?:-m \S+|\S+\.py))?\s*(.*)", top)
    return re.sub(r"\s{2,}", "\n\n", f"{program} {found[1] if found else ''}").strip()


def _groups(folders: Sequence[Path], top: str, width: int) -> str:
    defaults = re.findall(r"^ +- (?:optional )?(\w+): *([\w./?-]+)", top, flags=re.MULTILINE)
    groups = [(group, default) for group, default in defaults if group != "hydra"]
    column = max((len(group) for group, _ in groups), default=0) + 4
    lines = []
    for group, default in groups:
        known = sorted({name for folder in folders for name in choices(folder / group)})
        names = [f"{name}*" if name == default else name for name in known]
        first = f"  {group}".ljust(column)
        text = "  ".join(names) or "-"
        lines.append(
            textwrap.fill(text, width, initial_indent=first, subsequent_indent=" " * column, break_on_hyphens=False)
        )
    return "\n".join(lines)


def _table(rows: tuple[tuple[str, str], ...]) -> str:
    column = max((len(left) for left, _ in rows), default=0) + 4
    return "\n".join(f"  {left}".ljust(column) + f"  {right}" for left, right in rows)
