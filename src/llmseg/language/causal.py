"""What causal language models of transformers are asked for, whatever stands before the answer."""

from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from llmseg.language.tokens import IGNORED


def base_of(model: Any) -> Any:
    """The model of transformers inside peft's wrapper, with the adapter in its layers; itself where there is none."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def answer_loss(model: Any, labels: Tensor, **inputs: Tensor) -> Tensor:
    """Mean cross-entropy of the tokens that count.

    The head, whose logits would need more memory than all else, reads those columns only in which a row has such a
    token. Scaling and soft caps of logits stay as the model has them.

    Args:
        model: a causal language model of transformers, without peft's wrapper.
        labels: (N, T) int64, IGNORED where a token does not count.
        inputs: of its `forward`, for (N, T) tokens.

    Returns:
        Scalar float32; 0 with a gradient where no token counts.
    """
    columns = (labels[:, 1:] != IGNORED).any(dim=0).nonzero().squeeze(1)
    if not len(columns):
        return model(**inputs, use_cache=False).logits.float().sum() * 0.0
    if "logits_to_keep" in signature(model.forward).parameters:
        logits = model(**inputs, use_cache=False, logits_to_keep=columns).logits
    else:
        logits = model(**inputs, use_cache=False).logits[:, columns]
    target = labels[:, columns + 1]
    counts = target != IGNORED
    return F.cross_entropy(logits[counts].float(), target[counts])


def reads_ahead(model: Any) -> bool:
    """Whether a later token changes what is foretold before it, as in an encoder that is opened to write."""
    ids = torch.tensor([[5, 6, 7], [5, 6, 4]], device=model.get_input_embeddings().weight.device)
    with torch.no_grad():
        first, second = model(input_ids=ids, use_cache=False).logits[:, :2].float()
    return bool((first - second).abs().max() > 1e-4 * first.abs().max())


def context_of(config: Any) -> int | None:
    """Most tokens that a model was made for; None where its configuration names none."""
    for name in ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None
