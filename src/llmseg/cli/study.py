"""`python study.py author=... data=...`: an LLM writes a segmentation program, until it runs; then it is scored."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from llmseg.cli.conduct import Plan
    from llmseg.runs import RunFolder


_OF_TRAINING = (
    "batch_size",
    "unlabelled_batch_size",
    "drop_last",
    "patches_per_case",
    "foreground_fraction",
    "workers",
    "cache",
    "augment",
)
"""Keys of `data` that mean nothing to somebody else's program."""


@dataclass(frozen=True)
class Studied:
    """What a study gives back, for sweeps.

    Attributes:
        run: its folder.
        state: ran or gave up.
        dice: our score of its predictions; None where it never ran.
    """

    run: Path
    state: str
    dice: float | None

    def __float__(self) -> float:
        """Dice; 0 for a study that gave up or wrote nothing to score."""
        return self.dice or 0.0

    def __str__(self) -> str:
        """Dice, for a table."""
        return self.state if self.dice is None else f"{self.dice:.3f}"


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("study", "llmseg.cli.study:study")


def study(cfg: "DictConfig") -> Studied:
    """Ask, run, feed errors back, score; or go on with the study in the folder `resume`.

    Raises:
        UserError: anything that the user can mend. Until the author has answered, nothing is left behind.
    """
    from llmseg.cli.conduct import conduct, open_plan
    from llmseg.cli.console import console_log, quiet_libraries
    from llmseg.errors import UserError
    from llmseg.runs.state import recorded

    quiet_libraries()
    folder = _open(cfg.resume) if cfg.resume else None
    plan = open_plan(_resumed(cfg, folder) if folder else _complete(cfg))
    folder = folder or _create(plan)
    if folder.config != plan.config:
        folder.write_config(plan.config)
    try:
        with recorded(folder), console_log(folder.path / "console.log"):
            ended, dice = conduct(plan, folder)
    except UserError as error:
        if _is_kept(folder, cfg.resume):
            raise UserError(f"{error}; what was answered is kept: go on with resume={folder.path}") from error
        folder.discard()
        raise
    except KeyboardInterrupt:
        if _is_kept(folder, cfg.resume):
            print(f"stopped; to go on: python study.py resume={folder.path}", file=sys.stderr)
        else:
            folder.discard()
        raise
    return Studied(folder.path, ended.state, dice)


def _open(path: str) -> "RunFolder":
    from llmseg.errors import UserError
    from llmseg.runs import RunFolder

    folder = RunFolder(Path(path).expanduser())
    if not (folder.path / "config.yaml").is_file() or "author" not in folder.config:
        raise UserError(f"resume={path}: no folder of a study (study.py wrote no config.yaml there)")
    return folder


def _complete(cfg: "DictConfig") -> dict[str, Any]:
    """The plain configuration, with what runs of train.py say as well."""
    from llmseg.cli import build
    from llmseg.errors import ConfigError

    if cfg.get("author") is None:
        raise ConfigError("author: say who writes, such as author=openai author.model=gpt-4o; see --help")
    build.complete_data(cfg.data)
    if cfg.author.transcript:
        cfg.author.transcript = str(Path(cfg.author.transcript).expanduser().absolute())
    config = build.plain(cfg)
    config["data"] = {key: value for key, value in config["data"].items() if key not in _OF_TRAINING}
    config["model"] = {"spatial_dims": config["prompt"]["spatial_dims"]}
    return config


def _resumed(cfg: "DictConfig", folder: "RunFolder") -> dict[str, Any]:
    """The study's own configuration, with another budget where the command line gives one.

    Raises:
        ConfigError: something else is given, too.
    """
    from hydra.core.hydra_config import HydraConfig

    from llmseg.errors import ConfigError

    config = folder.config
    for word in HydraConfig.get().overrides.task:
        group, _, key = word.lstrip("+").partition("=")[0].partition(".")
        if group == "budget":
            config["budget"][key] = cfg.budget[key]
        elif group != "resume":
            raise ConfigError(f"{word}: a study goes on with its own configuration; only budget.* may change")
    return config


def _create(plan: "Plan") -> "RunFolder":
    from llmseg.runs import RunFolder

    folder = RunFolder.create(Path(plan.config["paths"]["runs"]), plan.config["name"])
    folder.write_config(plan.config)
    return folder


def _is_kept(folder: "RunFolder", resumed: str | None) -> bool:
    """Whether a study that failed has something to go on with: answers, or hours of nnU-Net's training."""
    transcript = folder.path / "messages.jsonl"
    if resumed or (folder.path / "nnunet").is_dir():
        return True
    return transcript.is_file() and '"assistant"' in transcript.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
