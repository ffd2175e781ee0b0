"""Questions with places for images: `<Img1><ImageHere></Img1>... where is the tumour? <box>`."""

from collections.abc import Sequence

from llmseg.errors import ConfigError

PLACE = "<ImageHere>"
ALL = "{images}"
"""Stands for one numbered placeholder an image."""


def is_fixed(prompt: str) -> bool:
    """Whether a prompt has a place for each image of a certain number of them."""
    return PLACE in prompt and ALL not in prompt


def segments(prompt: str, numbers: Sequence[int]) -> list[str]:
    """The texts before, between and behind the images.

    Args:
        prompt: with `{images}` for all images, numbered by sequence; or with exactly one `<ImageHere>` an image.
        numbers: of the images that are there, counted from one: the second of four keeps its number where the first is
            missing, so that a number always means the same sequence.

    Returns:
        One text more than there are images.

    Raises:
        ConfigError: no placeholder, or another number of them than of images.
    """
    if ALL in prompt:
        images = "".join(f"<Img{number}>{PLACE}</Img{number}>" for number in numbers)
        parts = prompt.replace(ALL, images).split(PLACE)
    else:
        parts = prompt.split(PLACE)
    if len(parts) == 1:
        raise ConfigError(f"vlm.prompt: no place for the images; write {ALL}, or {PLACE} once an image")
    if len(parts) != len(numbers) + 1:
        raise ConfigError(
            f"vlm.prompt: {len(parts) - 1} x {PLACE}, but the sample has {len(numbers)} image(s); write {ALL} for as "
            "many as there are"
        )
    return parts
