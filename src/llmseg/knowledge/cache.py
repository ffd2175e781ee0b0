"""Embeddings on disk: computed once, never half, never those of another encoder or text."""

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import torch
from torch import Tensor

from llmseg.errors import UserError
from llmseg.knowledge.encoders import Encoder

log = logging.getLogger(__name__)

_FORMAT = "1"  # raise it when the meaning of a file changes


def fingerprint(texts: Sequence[str]) -> str:
    """Hash of texts in their order."""
    return sha256(json.dumps(list(texts)).encode()).hexdigest()[:20]


def cached(texts: Sequence[str], encoder: Encoder, folder: Path) -> Tensor:
    """Embeddings of texts, from `<folder>/<hash>.safetensors` where they are there.

    The file holds one tensor `vectors` and, as metadata, encoder, hash of the texts and dimension. A file that is
    broken or whose metadata tell of something else is made anew, and a message says so.

    Returns:
        (n, dim) float32.

    Raises:
        UserError: the folder cannot be written, or the encoder is not to be had.
    """
    digest = fingerprint(texts)
    path = folder / f"{sha256(json.dumps([_FORMAT, encoder.name, digest]).encode()).hexdigest()[:20]}.safetensors"
    if path.exists():
        found = _read(path, encoder.name, digest, len(texts))
        if isinstance(found, Tensor):
            return found
        log.warning("%s: %s; computed anew", path, found)
    vectors = encoder.encode(texts).detach().to("cpu", torch.float32).contiguous()
    if vectors.ndim != 2 or len(vectors) != len(texts) or not torch.isfinite(vectors).all():
        raise UserError(f"knowledge.encoder: {encoder.name} gave no finite vector a text ({tuple(vectors.shape)})")
    _write(path, vectors, {**_identity(encoder.name, digest), "dim": str(vectors.shape[1])})
    return vectors


def _identity(encoder: str, digest: str) -> dict[str, str]:
    return {"format": _FORMAT, "encoder": encoder, "texts": digest}


def _read(path: Path, encoder: str, digest: str, count: int) -> Tensor | str:
    """The vectors, or what is wrong with the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            vectors = file.get_tensor("vectors")
    except (SafetensorError, OSError) as error:
        return f"cannot be read ({' '.join(str(error).split())})"
    for key, value in _identity(encoder, digest).items():
        if facts.get(key) != value:
            return f"is of another {key.removesuffix('s')} ({facts.get(key)}, not {value})"
    shape = (count, int(facts.get("dim", -1)))
    if vectors.shape != shape or vectors.dtype != torch.float32 or not torch.isfinite(vectors).all():
        return f"holds {tuple(vectors.shape)} {vectors.dtype}, not {shape} finite torch.float32"
    return vectors.clone()


def _write(path: Path, vectors: Tensor, facts: dict[str, str]) -> None:
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"vectors": vectors}, temporary, metadata=facts)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"paths.cache={path.parent.parent}: cannot write ({error.strerror or error}); name another folder"
        ) from error
    finally:
        with suppress(OSError):  # gone to its place, or never there
            temporary.unlink()
