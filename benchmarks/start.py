"""How long a user waits for an answer that needs no network: `python benchmarks/start.py`.

Whole processes, from the command to its end: the help, a mistake in an option, the composed configuration. The peer
is a script as projects on the Lightning-Hydra template have it: it imports its libraries at the top, then Hydra
composes the very same folder of choices: PyTorch and Lightning alone, as the template itself, and for the help also all
that a project such as this one uses. The first run of each leaves compiled bytecode, as an installation does.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml
from harness import Options, Row, Same, Side, compare, left_out, main

from llmseg.cli.help import choices
from llmseg.resources import conf_folder

QUESTION = "Seconds from a command to an answer that needs no network"
OURS = Path(__file__).parents[1] / "train.py"
LEAN = ("torch", "pytorch_lightning")
LIBRARIES = (*LEAN, "torchmetrics", "monai", "segmentation_models_pytorch", "wandb")
SCRIPT = """\
{imports}

import hydra
from omegaconf import DictConfig, OmegaConf

from llmseg.cli.resolvers import RESOLVERS

for name, function in RESOLVERS.items():
    OmegaConf.register_new_resolver(name, function, replace=True)


@hydra.main(version_base="1.3", config_path={conf!r}, config_name="train")
def main(cfg: DictConfig) -> None:
    raise SystemExit(f"would train {{cfg.model}}")


if __name__ == "__main__":
    main()
"""
"""What a project has at the top of its train.py; the resolvers are part of the configuration."""


class Answer(NamedTuple):
    """Exit status, and what was printed, on both streams."""

    status: int
    text: str


def rows(options: Options) -> Iterator[Row]:
    """The help, a mistake, the configuration."""
    found = [name for name in LIBRARIES if find_spec(name)]
    if missing := sorted({*LIBRARIES} - {*found}):
        left_out(f"imports of the stand-in, not installed: {', '.join(missing)}")
    cases: dict[str, tuple[tuple[str, ...], Callable[[Answer, Answer], Same]]] = {
        "train.py --help": (("--help",), same_choices),
        "train.py model=nonsense": (("model=nonsense",), same_mistake),
        "train.py --cfg job": (("--cfg", "job"), same_config),
    }
    with TemporaryDirectory() as folder:
        lean = {"imports PyTorch and Lightning (stand-in)": _script(Path(folder) / "lean", LEAN)}
        full = {"imports all its libraries (stand-in)": _script(Path(folder) / "full", found)}
        for case, (words, same) in cases.items():
            peers = lean | full if words == ("--help",) else lean  # the same imports each time: once is enough
            yield from compare(
                case,
                Side("llmseg", partial(answer, OURS, words)),
                [Side(name, partial(answer, script, words)) for name, script in peers.items()],
                same=same,
                aim=5,
                options=replace(options, cap=min(options.cap, 25.0)),
            )


def _script(folder: Path, libraries: Iterable[str]) -> Path:
    """A train.py that imports these first."""
    folder.mkdir()
    script = folder / "train.py"
    script.write_text(SCRIPT.format(imports="\n".join(f"import {name}" for name in libraries), conf=str(conf_folder())))
    return script


def answer(script: Path, words: tuple[str, ...]) -> Answer:
    """Run a script to its end, in a terminal of 120 columns."""
    package = Path(__file__).parents[1] / "src"
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "120"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True, env=environment, cwd=script.parent
    )
    return Answer(done.returncode, done.stdout + done.stderr)


def same_choices(ours: Answer, theirs: Answer) -> Same:
    """Both succeed and name every choice of every group that a training has."""
    conf = conf_folder()
    groups = ("model", "data", "method", "loss", "optimizer", "scheduler", "trainer", "logger")
    names = [name for group in groups for name in choices(conf / group)]
    lacking = [name for name in names if not (name in ours.text and name in theirs.text)]
    return Same(
        ours.status == theirs.status == 0 and not lacking,
        f"both succeed and name {len(names) - len(lacking)} of {len(names)} choices",
    )


def same_mistake(ours: Answer, theirs: Answer) -> Same:
    """Both fail, repeat the mistake and name valid choices: ours the first ones, the stand-in all."""
    listed = [name for name in choices(conf_folder() / "model") if name in ours.text and name in theirs.text]
    holds = "nonsense" in ours.text and "nonsense" in theirs.text and len(listed) > 20
    return Same(bool(ours.status and theirs.status) and holds, f"both fail and name {len(listed)} valid choices")


def same_config(ours: Answer, theirs: Answer) -> Same:
    """What the stand-in composes is in ours with equal values; ours adds defaults and gives the run a name."""
    mine, other = yaml.safe_load(ours.text), dict(flat(yaml.safe_load(theirs.text)))
    found = dict(flat(mine))
    differing = [key for key, value in other.items() if key != "name" and found.get(key, ...) != value]
    because = f"{len(other)} keys are equal" if not differing else f"differ: {', '.join(differing[:3])}"
    return Same(ours.status == theirs.status == 0 and not differing, because)


def flat(node: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of a configuration with their values."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from flat(value, f"{path}.{key}".lstrip("."))
    else:
        yield path, node


if __name__ == "__main__":
    main("start", QUESTION, rows, seeds=None)
