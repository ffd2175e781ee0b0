"""A network on a whole case, whatever its dimension, its input size and its output grid."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from itertools import combinations

import torch
from torch import Tensor, nn

from llmseg.data.resize import resize
from llmseg.inference.windows import Network, window_planes

_SLICES = 8  # at a time


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


def over_flips(network: Network) -> Network:
    """Average a network's logits over all mirrorings of its input: 4 in 2D, 8 in 3D (test-time augmentation)."""

    def averaged(image: Tensor) -> Tensor:
        axes = range(2, image.dim())
        subsets = [subset for count in range(image.dim() - 1) for subset in combinations(axes, count)]
        total = network(image)
        for subset in subsets[1:]:
            total = total + network(image.flip(subset)).flip(subset)
        return total / len(subsets)

    return averaged


def predict_planes(
    net: Network,
    stack: Tensor,
    patch_size: Sequence[int],
    overlap: float = 0.5,
    batch_size: int | None = None,
    flips: bool = False,
    device: torch.device | None = None,
    weights: str = "gaussian",
    stride: Sequence[int] | None = None,
) -> Iterator[Tensor]:
    """Logits of a case's stack (S, C, *spatial), bit by bit: what is held does not grow with the stack.

    Slices (2D) go through in batches. A volume (3D) goes through in overlapping patches; one smaller than the patch
    is padded.

    Args:
        net: in evaluation mode, on `device`.
        stack: the preprocessed case.
        patch_size: of a 3D network.
        overlap: of neighbouring patches, as a share of the patch.
        batch_size: slices or patches at a time; None: as many as suit the device.
        flips: see `over_flips`.
        device: where the network lies; None: with the stack.
        weights: of patches, gaussian or constant.
        stride: from patch to patch, voxels of each axis, instead of `overlap`.

    Yields:
        (n, K, *rest) float32 on `device`: slices, or planes of a volume along its first axis.
    """

    @torch.no_grad()
    def network(image: Tensor) -> Tensor:
        return on_input_grid(net)(image)

    device = device or stack.device
    chosen = over_flips(network) if flips else network
    if stack.dim() == 4:
        return (chosen(part.to(device)) for part in stack.split(batch_size or _SLICES))
    return window_planes(chosen, stack, patch_size, overlap, batch_size, device, weights, stride)


def predict_stack(
    net: Network, stack: Tensor, patch_size: Sequence[int], overlap: float = 0.5, batch_size: int | None = None
) -> Tensor:
    """Logits (S, K, *spatial) float32 of a case's stack (S, C, *spatial); arguments as of `predict_planes`."""
    return stacked(predict_planes(net, stack, patch_size, overlap, batch_size), stack.dim())


def stacked(planes: Iterable[Tensor], dimensions: int) -> Tensor:
    """Put planes together again: (S, K, H, W) for a stack of slices (4 dimensions), (1, K, X, Y, Z) for a volume."""
    whole = torch.cat(list(planes))
    return whole if dimensions == 4 else whole.movedim(0, 1)[None]


def on_meta(net: nn.Module) -> nn.Module:
    """A copy in evaluation mode that computes shapes only: without memory or arithmetic."""
    return deepcopy(net).to("meta").eval()


def check_input_size(net: nn.Module, channels: int, size: Sequence[int]) -> Tensor:
    """Run the network once without memory or arithmetic (meta device) on its training input.

    Returns:
        Its output on the meta device: (2, K, *output grid).

    Raises:
        ValueError: the network cannot take that size or number of channels; its own words.
    """
    twin = on_meta(net)
    try:
        with torch.no_grad():
            output: Tensor = twin(torch.empty(2, channels, *size, device="meta"))
    except (RuntimeError, IndexError) as error:
        raise ValueError(f"input {channels} x {list(size)} does not fit: {str(error).splitlines()[0]}") from error
    return output
