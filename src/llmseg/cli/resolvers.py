"""What `${name:...}` means in the YAML files of conf/, beside OmegaConf's own."""

from collections.abc import Callable, Sequence
from typing import Any


def logit_channels(classes: Sequence[str] | None, overlapping: bool | None) -> int | None:
    """Return the number of a network's output channels, or None while the classes are not known.

    One class has one sigmoid channel; exclusive classes have one each and a background; regions that may overlap have
    one sigmoid channel each.
    """
    if classes is None:
        return None
    return len(classes) if overlapping or len(classes) == 1 else len(classes) + 1


def length(values: Sequence[Any] | None) -> int | None:
    """Return the length of a list, None for null."""
    return None if values is None else len(values)


def input_size(spatial_dims: int, image_size: Any, patch_size: Sequence[int]) -> list[int]:
    """Return the spatial size of a network's input: of slices in 2D, of patches in 3D."""
    if spatial_dims == 3:
        return list(patch_size)
    return [image_size] * 2 if isinstance(image_size, int) else list(image_size)


def steps(labelled: int | None) -> int:
    """Return `trainer.max_steps` where nothing is said: no limit, or UA-MT's 6,000 with few labels."""
    return -1 if labelled is None else 6000


def epochs(max_steps: int, usual: int = 20) -> int:
    """Return `trainer.max_epochs` where nothing is said: the usual ones, or no limit where steps are given."""
    return usual if max_steps == -1 else -1


RESOLVERS: dict[str, Callable[..., Any]] = {
    "logit_channels": logit_channels,
    "length": length,
    "input_size": input_size,
    "steps": steps,
    "epochs": epochs,
}
