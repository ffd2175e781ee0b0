"""How answers are written."""

from typing import Any


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
