"""`python chat.py run=...`: a conversation with a trained report model, or answers for a table.

The command line of the Chinese report project (`--path --max_new_tokens --in_csv --out_csv`) works too.
"""

import io
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from llmseg.cli.entry import run
from llmseg.cli.words import quoted

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from omegaconf import DictConfig

    from llmseg.cli.chat_batch import Files
    from llmseg.language.writing import Generation, Writer
    from llmseg.runs import RunFolder

_FLAGS = ("path", "max_new_tokens", "in_csv", "out_csv")
_TEXTS = ("run", "path", "in_csv", "out_csv", "column")


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("chat", "llmseg.cli.chat:chat", as_overrides(sys.argv[1:]))


def as_overrides(words: Sequence[str]) -> list[str]:
    """A command line as Hydra reads it.

    The flags of the original project become keys; as its `--out_csv` replaced a file, so does this one. Names of files
    and columns may have any characters, and `path` has the original's prompt unless the command line says otherwise.

    Args:
        words: without the program's name.
    """
    left, found = [word for word in words if word != "prompt=null"], list[str]()
    while left:
        word = left.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        is_flag = word.startswith("--") and name in _FLAGS
        if is_flag and not equals:
            value = left.pop(0) if left and not left[0].startswith("--") else ""
        if is_flag and name == "out_csv":
            found.insert(0, "overwrite=true")
        is_key = is_flag or (equals and not word.startswith("-"))
        found.append(f"{name}={quoted(value)}" if is_key and name in _TEXTS else f"{name}={value}" if is_flag else word)
    keys = {word.partition("=")[0] for word in found}
    if "path" in keys and not {"run", "prompt"} & {key.lstrip("+~") for key in keys}:
        found.append("prompt=advice_zh")
    return found


def chat(cfg: "DictConfig") -> None:
    """Answer a table where there is in_csv, else what is typed.

    Raises:
        UserError: no such run, folder or table, or rows that could not be answered; see `run_batch`.
    """
    from dataclasses import fields

    from llmseg.cli.chat_batch import run_batch
    from llmseg.cli.console import quiet_libraries
    from llmseg.cli.hardware import torch_device
    from llmseg.language.writing import Generation

    quiet_libraries()
    how = Generation(**{each.name: cfg[each.name] for each in fields(Generation)})
    files = _files(cfg)
    load = _loader(cfg, torch_device(cfg.accelerator))
    _never_fail(sys.stdout)
    _never_fail(sys.stderr)
    if files is not None:
        run_batch(load, files, how)
    else:
        _converse(load(), how)


def _files(cfg: "DictConfig") -> "Files | None":
    from pathlib import Path

    from llmseg.cli.chat_batch import Files
    from llmseg.errors import ConfigError

    if cfg.in_csv is None and cfg.out_csv is None:
        return None
    for key, what in (("in_csv", "the table to answer"), ("out_csv", "the file for the answers")):
        if not cfg[key]:
            raise ConfigError(f"{key} has no value: add {key}=..., {what}")
    read, written = Path(cfg.in_csv).expanduser(), Path(cfg.out_csv).expanduser()
    return Files(read, written, cfg.column, cfg.encoding, cfg.in_encoding, cfg.overwrite)


def _loader(cfg: "DictConfig", device: "torch.device") -> "Callable[[], Writer]":
    """What reads the model, once the rest is known to be good."""
    from pathlib import Path

    from omegaconf import OmegaConf

    from llmseg.cli.trained_reports import load_writer, open_folder
    from llmseg.errors import ConfigError

    if bool(cfg.run) == bool(cfg.path):
        raise ConfigError("give run=... (a run folder) or path=... (a folder of Hugging Face), one of them")
    if cfg.checkpoint not in ("last", "best"):
        raise ConfigError(f"checkpoint={cfg.checkpoint}: choose last or best")
    prompt = OmegaConf.to_container(cfg.prompt, resolve=True) if cfg.get("prompt") else None
    template = {str(key): value for key, value in prompt.items()} if isinstance(prompt, dict) else None
    if cfg.run:
        found = _report_run(Path(cfg.run).expanduser())
        return lambda: load_writer(found, device, cfg.checkpoint, template)
    if template is None:
        raise ConfigError(f"path={cfg.path}: choose how it is asked, such as prompt=advice_zh")
    if (Path(cfg.path).expanduser() / "config.yaml").is_file():
        raise ConfigError(f"path={cfg.path}: is a run folder; say run={cfg.path}")
    return lambda: open_folder(cfg.path, template, device, Path(cfg.paths.cache))


def _report_run(path: "Path") -> "RunFolder":
    from llmseg.errors import ConfigError
    from llmseg.runs import RunFolder

    if (path / "config.json").is_file() and not (path / "config.yaml").is_file():
        raise ConfigError(f"run={path}: is a folder of Hugging Face; say path={path}")
    found = RunFolder.open(path)
    task = found.config.get("task") or "segmentation"
    if task != "report":
        what = {"grounding": "boxes", "segmentation": "segmentation"}.get(task, task)
        raise ConfigError(f"run={path}: a run of {what}, which writes no reports; use predict.py for it")
    return found


def _converse(writer: "Writer", how: "Generation") -> None:
    from contextlib import AbstractContextManager, nullcontext, suppress

    from rich.console import Console

    from llmseg.language.session import converse

    with suppress(ImportError):
        import readline  # noqa: F401  # else a terminal cuts lines after 4,095 bytes: 1,365 Chinese characters
    console = Console(stderr=True)

    def busy() -> AbstractContextManager[object]:
        return console.status("writing") if console.is_terminal and sys.stdout.isatty() else nullcontext()

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        converse(writer, how, input, say, lambda text: print(text, file=sys.stderr, flush=True), busy)
    except (EOFError, KeyboardInterrupt):
        print()


def _never_fail(stream: object) -> None:
    """Let a terminal that lacks a character show its escape instead of ending the session."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
