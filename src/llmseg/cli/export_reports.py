"""`python export.py run=<a report run>`: its language model as a plain folder of Hugging Face's, or its adapter."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from llmseg.errors import ConfigError, UserError
from llmseg.runs import RunFolder

if TYPE_CHECKING:
    from omegaconf import DictConfig

FORMATS = ("merged", "adapter")


def export_writer(cfg: "DictConfig", run: RunFolder) -> None:
    """Write weights and tokenizer, the adapter merged in, so that transformers opens them without peft; or the adapter.

    Raises:
        UserError: no such checkpoint, a folder that holds something, or a run without an adapter.
    """
    import torch

    from llmseg.cli.console import quiet_libraries
    from llmseg.cli.trained_reports import load_writer
    from llmseg.language.adapters import merged, save_adapter

    wanted = cfg.format or "merged"
    if wanted not in FORMATS:
        raise ConfigError(f"format={wanted}: choose {' or '.join(FORMATS)}")
    output = Path(cfg.output).expanduser() if cfg.output else run.path / "export"
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"output={output}: is there already; name another folder")
    quiet_libraries()
    writer = load_writer(run, torch.device("cpu"), cfg.checkpoint)
    has_adapter = hasattr(writer.lm, "peft_config")
    if wanted == "adapter" and not has_adapter:
        raise UserError(f"{run.path}: was trained with peft=none and has no adapter; take format=merged")
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        if wanted == "adapter":
            save_adapter(writer.lm, temporary)
        else:
            (merged(writer.lm) if has_adapter else writer.lm).save_pretrained(temporary)
            writer.tokenizer.save_pretrained(temporary)
        if output.is_dir():
            output.rmdir()
        temporary.replace(output)
    except OSError as error:
        raise UserError(f"output={output}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"{output}: {'the adapter, for peft' if wanted == 'adapter' else 'weights and tokenizer, for transformers'}")
    print(f"use it:  python chat.py path={output} prompt={writer.template.name}")
