"""Vision-language models of Hugging Face's transformers, from a folder or by name."""

import re
from pathlib import Path
from typing import Any

import torch

from llmseg.errors import ConfigError, UserError, first_line
from llmseg.knowledge.encoders.huggingface import quiet
from llmseg.language.adapters import Adapter, quantisation
from llmseg.optional import require

KEY = "vlm.pretrained"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_DTYPES = ("float32", "bfloat16", "float16")


def load(architecture: str, name: str, dtype: str, adapter: Adapter) -> tuple[Any, Any]:
    """Processor and model; what was fetched once is used without a network, and remote code is never run.

    Args:
        architecture: class of transformers, such as Qwen3VLForConditionalGeneration.
        name: a folder that `save_pretrained` wrote; or `owner/name` on Hugging Face, with `@revision` where wanted.
        dtype: of the weights: float32, bfloat16, float16.
        adapter: decides whether weights are loaded with 4 bits.

    Raises:
        ConfigError: no such folder, a name that cannot be, another kind of model, or an unknown dtype.
        UserError: a package is missing, or the model cannot be had.
    """
    require("transformers", f"{KEY}={name}", install="'llmseg[language]'")
    if dtype not in _DTYPES:
        raise ConfigError(f"vlm.dtype={dtype}: must be {' | '.join(_DTYPES)}")
    source, options = _source(name)
    with quiet():
        _check_kind(architecture, name, source, options)
        return _load(architecture, name, source, options, getattr(torch, dtype), quantisation(adapter))


def _source(name: str) -> tuple[str, dict[str, Any]]:
    """What transformers calls the model, and the options that go with it."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder), {"local_files_only": True, "trust_remote_code": False}
    if name.startswith(("/", ".", "~")):
        raise ConfigError(f"{KEY}={name}: no such folder")
    if not _HUB_NAME.fullmatch(name):
        raise ConfigError(f"{KEY}={name}: neither a folder nor owner/name on Hugging Face")
    repository, _, revision = name.partition("@")
    return repository, {"revision": revision or "main", "trust_remote_code": False}


def _check_kind(architecture: str, name: str, source: str, options: dict[str, Any]) -> None:
    """Another kind of model would be loaded with random weights."""
    import transformers

    wanted = getattr(transformers, architecture).config_class.model_type
    try:
        found = transformers.AutoConfig.from_pretrained(source, **options).model_type
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _missing(name, error) from error
    if found != wanted:
        raise ConfigError(f"{KEY}={name}: is of kind {found}, but vlm wants {wanted}; choose another vlm")


def _load(
    architecture: str, name: str, source: str, options: dict[str, Any], dtype: torch.dtype, quantised: Any
) -> tuple[Any, Any]:
    import transformers
    from safetensors import SafetensorError

    more: dict[str, Any] = {"quantization_config": quantised} if quantised is not None else {}
    try:
        processor = transformers.AutoProcessor.from_pretrained(source, **options)
        model, report = getattr(transformers, architecture).from_pretrained(
            source, dtype=dtype, output_loading_info=True, use_safetensors=True, **options, **more
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError, SafetensorError) as error:
        raise _missing(name, error) from error
    if report["missing_keys"]:
        raise UserError(f"{KEY}={name}: its weights lack {sorted(report['missing_keys'])[0]}; fetch it again")
    return processor, model


def _missing(name: str, error: BaseException) -> UserError:
    return UserError(
        f"{KEY}={name}: cannot be loaded ({first_line(error)}); without a network name a folder with the model"
    )
