"""Adapters of peft on language models: which weights are trained, saved and merged."""

import copy
import importlib.util
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

from llmseg.errors import ConfigError, UserError, first_line
from llmseg.optional import require

ADAPTER_CONFIG = "adapter_config.json"
KINDS = ("lora", "qlora", "none")
_LANGUAGE = "language_model"
_INSTALL = "'llmseg[language]'"


@dataclass(frozen=True)
class Adapter:
    """Low-rank weights beside frozen ones (LoRA: Hu et al., 2022, arXiv:2106.09685).

    Attributes:
        kind: lora; qlora, where the frozen weights are of 4 bits (Dettmers et al., 2023, arXiv:2305.14314); none: the
            model stays as it is, and so does what of it is trained.
        rank: of the weights that are added.
        alpha: they are scaled by alpha / rank.
        dropout: of their input while training.
        targets: last parts of the names of the layers that get them, such as q_proj; None: all linear layers of the
            language part, its head aside.

    Raises:
        ConfigError: a value that cannot be.
    """

    kind: str = "lora"
    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            near = get_close_matches(str(self.kind).lower(), KINDS, 1)
            raise ConfigError(f"peft.kind={self.kind}: must be {' | '.join(near or KINDS)}")
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ConfigError("peft: rank must be 1 or more, alpha positive, dropout from 0 to below 1")

    @classmethod
    def of(cls, node: "Adapter | Mapping[str, Any] | None") -> "Adapter":
        """The adapter of a config node; None: none.

        Raises:
            ConfigError: an unknown key, or a value that cannot be.
        """
        if isinstance(node, Adapter):
            return node
        given = {"kind": "none"} if node is None else {str(key): value for key, value in node.items()}
        known = [field.name for field in fields(cls)]
        for key in given:
            if key not in known:
                near = get_close_matches(key, known, 1)
                raise ConfigError(f"peft.{key}: no such key; must be {' | '.join(near or known)}")
        return cls(**given)


def quantisation(adapter: Adapter) -> Any:
    """`quantization_config` with which a model is loaded for an adapter; None where weights are loaded as they are.

    Raises:
        UserError: qlora without bitsandbytes or without a CUDA device.
    """
    if adapter.kind != "qlora":
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("peft=qlora needs the package bitsandbytes: pip install bitsandbytes; or take peft=lora")
    if not torch.cuda.is_available():
        raise UserError("peft=qlora needs a CUDA device, and there is none; take peft=lora")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def add_adapter(model: Any, adapter: Adapter) -> Any:
    """Freeze a model and put an adapter on it; with kind none it comes back as it is.

    Args:
        model: any model of transformers; for qlora loaded with `quantisation`.
        adapter: see there.

    Returns:
        peft's model around it, whose trained weights are the adapter's.

    Raises:
        ConfigError: the model has no layers of that name.
        UserError: peft is not installed; or qlora and the model is not of 4 bits.
    """
    if adapter.kind == "none":
        return model
    require("peft", f"peft={adapter.kind}", install=_INSTALL)
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if adapter.kind == "qlora":
        quantisation(adapter)  # says what is missing
        if not getattr(model, "is_loaded_in_4bit", False):
            raise UserError("peft=qlora: the model's weights are not of 4 bits; take peft=lora")
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]
        lora_dropout=adapter.dropout,
        target_modules=_targets(model, adapter.targets),
    )
    return get_peft_model(model, config)


def save_adapter(model: Any, folder: Path) -> None:
    """Write adapter_config.json and adapter_model.safetensors, which `peft.PeftModel.from_pretrained` reads.

    Raises:
        UserError: the model has no adapter.
    """
    _require_adapter(model)
    model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)


def adapter_of(folder: Path) -> str:
    """The model that an adapter in peft's own format belongs to, as its adapter_config.json names it.

    Raises:
        UserError: it cannot be read, or names none.
    """
    file = folder / ADAPTER_CONFIG
    try:
        name = json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: cannot be read ({first_line(error)})") from error
    if not isinstance(name, str) or not name:
        raise UserError(f"{file}: names no base model (base_model_name_or_path); add it")
    return name


def load_adapter(model: Any, folder: Path) -> Any:
    """Put an adapter in peft's own format on the model that it was trained for.

    Raises:
        UserError: peft is not installed, the adapter cannot be read, or it belongs to another model.
    """
    require("peft", f"the adapter in {folder}", install=_INSTALL)
    from peft import PeftModel

    if not any(folder.glob("adapter_model.*")):
        raise UserError(f"{folder}: has no adapter_model.safetensors; fetch the whole folder")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except Exception as error:  # of whatever library reads it; all that can be wrong is what it reads
        raise UserError(f"{folder}: the adapter does not fit its base model ({first_line(error)})") from error
    if any("missing adapter keys" in str(warning.message).lower() for warning in told):
        raise UserError(f"{folder}: the adapter belongs to another model than its base_model_name_or_path")
    return found


def merged(model: Any) -> Any:
    """A copy of the model with the adapter added to its weights, without peft; the model itself is not changed.

    Raises:
        UserError: the model has no adapter.
    """
    _require_adapter(model)
    return copy.deepcopy(model).merge_and_unload()


def _require_adapter(model: Any) -> None:
    if not hasattr(model, "peft_config"):
        raise UserError("adapter: the model has none; was it trained with peft=none?")


def _targets(model: Any, names: Sequence[str] | None) -> str:
    """Regular expression of the layers that are adapted."""
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layers

    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)}
    layers = [name for name, module in linear.items() if module is not head or name.rpartition(".")[2] in (names or ())]
    language = [name for name in layers if _LANGUAGE in name.split(".")] or layers
    ends = {name.rpartition(".")[2] for name in language}
    if not ends:
        raise ConfigError(f"peft: {type(model).__name__} has no linear layers; take peft=none")
    if head is not None and getattr(model.config, "tie_word_embeddings", False):
        tied = {name.rpartition(".")[2] for name in layers if linear[name] is head} & set(names or ())
        if tied:
            raise ConfigError(f"peft.targets: {tied.pop()} shares its weights with the embedding; leave it out")
    for name in names or ():
        if name not in ends:
            raise ConfigError(f"peft.targets: no linear layer {name}; there are {', '.join(sorted(ends))}")
    wanted = "|".join(re.escape(end) for end in sorted(names or ends))
    inside = rf"(.*\.)?{_LANGUAGE}\." if language != layers else ""
    return rf"{inside}(.*\.)?({wanted})"
