"""A network on a whole case, whatever its dimension, its input size and its output grid."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from llmseg.data.resize import resize

Network = Callable[[Tensor], Tensor]


def on_input_grid(net: Network) -> Network:
    """Wrap a network so that its logits lie on its input's grid.

    Some generated networks end on a smaller grid (GPT-4o's and Gemini 1.5's at half size, Llama 3.1's valid
    convolutions); that is theirs, and this is the one place where it is undone.
    """
    return lambda image: resize(net(channels_last(image)).float(), image.shape[2:])


def channels_last(values: Tensor) -> Tensor:
    """The same tensor, (N, C, *spatial) or weights, with the memory layout that convolutions are fastest in."""
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(values.dim(), torch.contiguous_format)
    return values.contiguous(memory_format=layout)


def channels_last_weights(net: nn.Module) -> nn.Module:
    """Give a network's weights that layout, in place."""
    for weights in net.parameters():
        weights.data = channels_last(weights.data)
    return net


def sigmoid_or_softmax(logits: Tensor, overlapping: bool) -> Tensor:
    """Probabilities of logits (N, K, *spatial): sigmoid for one class or regions, softmax for exclusive classes."""
    if overlapping or logits.shape[1] == 1:
        return logits.sigmoid()
    return logits.softmax(dim=1)


@torch.no_grad()
def predict_stack(
    net: Network, stack: Tensor, patch_size: Sequence[int], overlap: float = 0.5, batch_size: int = 8
) -> Tensor:
    """Logits (S, K, *spatial) float32 of a case's stack (S, C, *spatial).

    Slices (2D) go through in batches. A volume (3D) goes through in overlapping patches, weighted by a Gaussian; one
    smaller than the patch is padded.

    Args:
        net: in evaluation mode, on the device of `stack`.
        stack: the preprocessed case.
        patch_size: of a 3D network.
        overlap: of neighbouring patches, as a share of the patch.
        batch_size: slices or patches at a time.
    """
    network = on_input_grid(net)
    if stack.dim() == 4:
        return torch.cat([network(part) for part in stack.split(batch_size)])
    from monai.inferers.utils import (
        sliding_window_inference,  # heavy, and only volumes need it
    )

    logits = sliding_window_inference(
        stack, tuple(patch_size), batch_size, network, overlap=overlap, mode="gaussian", padding_mode="replicate"
    )
    assert isinstance(logits, Tensor)
    return logits


def check_input_size(net: nn.Module, channels: int, size: Sequence[int]) -> Tensor:
    """Run the network once without memory or arithmetic (meta device) on its training input.

    Returns:
        Its output on the meta device: (2, K, *output grid).

    Raises:
        ValueError: the network cannot take that size or number of channels; its own words.
    """
    twin = deepcopy(net).to("meta").eval()
    try:
        with torch.no_grad():
            output: Tensor = twin(torch.empty(2, channels, *size, device="meta"))
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"input {channels} x {list(size)} does not fit: {str(error).splitlines()[0]}") from error
    return output
