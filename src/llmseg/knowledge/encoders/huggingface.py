"""Any text encoder of Hugging Face's transformers, from a folder or by name: BERT and its like, T5, CLIP."""

import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from llmseg.errors import ConfigError, UserError, first_line
from llmseg.optional import require

log = logging.getLogger(__name__)

_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*")
_UNREAD = ("onnx/*", "openvino/*", "flax/*")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def find(name: str) -> "HuggingFaceEncoder":
    """The encoder in a folder, or of this name on Hugging Face; what was fetched once is used without a network.

    Args:
        name: a folder; or `owner/name`, with `@revision` where wanted.

    Raises:
        ConfigError: no such folder, and no name that Hugging Face could have.
        UserError: it has no safetensors, or cannot be fetched.
    """
    key = f"knowledge.encoder={name}"
    folder = Path(name).expanduser()
    if folder.is_dir():
        return HuggingFaceEncoder(folder, f"{folder.resolve().name}@{_fingerprint(folder, key)}")
    if name.startswith(("/", ".", "~")):
        raise ConfigError(f"{key}: no such folder")
    if not _HUB_NAME.fullmatch(name):
        raise ConfigError(f"{key}: neither minilm, openai:<model>, a folder, nor owner/name on Hugging Face")
    folder = _fetch(name, key)
    return HuggingFaceEncoder(folder, f"{name.partition('@')[0]}@{_fingerprint(folder, key)}")


def _fetch(name: str, key: str) -> Path:
    """Folder with the files of a model on Hugging Face, from its cache or else from the network."""
    require("transformers", key)
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    wanted: dict[str, Any] = {
        "repo_id": repository,
        "revision": revision or None,
        "allow_patterns": list(_FILES),
        "ignore_patterns": list(_UNREAD),
    }
    try:
        folder = Path(snapshot_download(local_files_only=True, **wanted))
        if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
            return folder
    except (OSError, ValueError):
        pass  # not fetched yet
    try:
        return Path(snapshot_download(**wanted))
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{key}: no folder of that name here, and Hugging Face does not give it ({first_line(error)}); "
            "without a network name a folder"
        ) from error


def _fingerprint(folder: Path, key: str) -> str:
    """Hash of everything that decides the vectors."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        missing = "*.safetensors" if (folder / "config.json").is_file() else "config.json"
        raise UserError(f"{key}: {folder} has no {missing}; weights in other formats are not read")
    digest = sha256()
    for path in sorted(path for pattern in _FILES for path in folder.glob(pattern)):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()[:12]


class HuggingFaceEncoder:
    """A frozen encoder from a folder with config.json, tokenizer and safetensors; remote code is never run.

    CLIP and its like give their projected text embedding. Others give the mean over the tokens, or the first token
    where the folder's `1_Pooling/config.json` (sentence-transformers) says so. All are scaled to norm 1.

    Args:
        folder: see above.
        name: of the encoder, with a version.

    Raises:
        UserError: transformers is not installed.
    """

    def __init__(self, folder: Path, name: str) -> None:
        require("transformers", f"knowledge.encoder={name}")
        self.folder = folder
        self.name = name

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Vectors (n, dim) float32 of norm 1, on the CPU.

        Raises:
            UserError: transformers cannot load what is in the folder.
        """
        with quiet():
            tokenizer, model = self._load()
        longest = self._longest(tokenizer, model.config)
        padding = "max_length" if "siglip" in str(model.config.model_type) else True  # as it was trained
        tokens = tokenizer(list(texts), padding=padding, truncation=True, max_length=longest, return_tensors="pt")
        if any(len(ids) > longest for ids in tokenizer(list(texts))["input_ids"]):
            log.warning("%s reads %d tokens at most: longer texts are cut", self.name, longest)
        with torch.no_grad():
            vectors = self._pooled(model, tokens)
        return F.normalize(vectors.float(), dim=-1)

    def _load(self) -> tuple[Any, Any]:
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer

        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.folder, **options)
            model = AutoModel.from_pretrained(self.folder, use_safetensors=True, dtype=torch.float32, **options)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            raise UserError(f"knowledge.encoder: {self.folder} cannot be loaded ({first_line(error)})") from error
        return tokenizer, model.eval().requires_grad_(False)

    def _longest(self, tokenizer: Any, config: Any) -> int:
        """Tokens that the encoder reads at most."""
        text = getattr(config, "text_config", config)
        # RoBERTa and its like count positions from after the padding index
        offset = 1 + (text.pad_token_id or 0) if "roberta" in str(text.model_type) else 0
        limits = [tokenizer.model_max_length, getattr(text, "max_position_embeddings", 1 << 30) - offset]
        if (own := self._json("sentence_bert_config.json").get("max_seq_length")) is not None:
            limits.append(own)
        return int(min(*limits, 1 << 20))

    def _pooled(self, model: Any, tokens: Any) -> Tensor:
        if hasattr(model, "get_text_features"):  # CLIP, SigLIP
            features = model.get_text_features(**tokens)
            return features if isinstance(features, Tensor) else _tensor(features.pooler_output)
        if str(model.config.model_type).endswith(("clip_text_model", "siglip_text_model")):
            return _tensor(model(**tokens).pooler_output)
        encoder = model.get_encoder() if model.config.is_encoder_decoder else model
        hidden = _tensor(encoder(**tokens).last_hidden_state)
        if self._json("1_Pooling/config.json").get("pooling_mode_cls_token"):
            return hidden[:, 0]
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return content if isinstance(content, dict) else {}


def _tensor(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, hints and repeated attempts to reach a network while a model is loaded."""
    from huggingface_hub.utils import logging as attempts
    from transformers.utils import logging as hints

    level, spoken = hints.get_verbosity(), attempts.get_verbosity()
    hints.set_verbosity_error()
    hints.disable_progress_bar()
    attempts.set_verbosity_error()
    try:
        yield
    finally:
        hints.set_verbosity(level)
        hints.enable_progress_bar()
        attempts.set_verbosity(spoken)
