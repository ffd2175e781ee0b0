"""How answers are written."""

from collections.abc import Sequence
from typing import Any

from llmseg.language.writing import Generation


def greedy(end: int, pad: int, begin: int | None = None, decoder_start: int | None = None) -> Any:
    """Always the likeliest token: checkpoints come with beams, sampling, or bans on repeats, which numbers need.

    Args:
        end: token that ends an answer.
        pad: token that fills shorter ones.
        begin: token before a text.
        decoder_start: first token of a decoder beside an encoder.

    Returns:
        `transformers.GenerationConfig`.
    """
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        eos_token_id=end,
        pad_token_id=pad,
        bos_token_id=begin,
        decoder_start_token_id=decoder_start,
    )


def config_of(how: Generation, ends: Sequence[int], pad: int) -> Any:
    """Settings as transformers has them; nothing of what a checkpoint came with is left.

    Args:
        how: settings.
        ends: tokens that end an answer.
        pad: token that fills shorter ones.

    Returns:
        `transformers.GenerationConfig`.
    """
    from transformers import GenerationConfig

    sampling: dict[str, Any] = {"do_sample": False}
    if how.do_sample:
        sampling = {"do_sample": True, "temperature": how.temperature, "top_p": how.top_p, "top_k": how.top_k}
    return GenerationConfig(
        max_new_tokens=how.max_new_tokens,
        num_beams=how.num_beams,
        repetition_penalty=how.repetition_penalty,
        eos_token_id=list(ends),
        pad_token_id=pad,
        **sampling,
    )
