"""Ways to bring text embeddings into the deepest features of a network."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Balance(nn.Module):
    """x' = (1 - l) x + l W m, with m the mean of all embeddings and one learnable scalar l = sigmoid(g).

    The "learnable balance" of LLM-SegNet (Kumari et al., arXiv 2407.05088) in its simplest form. With one text a data
    set, W m is the same for every voxel and image, hence a learnt channel bias, whatever the text says.

    Args:
        channels: C of the features.
        dim: of the embeddings.
        initial: l before training, between 0 and 1.

    Raises:
        ValueError: `initial` lies elsewhere.
    """

    def __init__(self, channels: int, dim: int, initial: float = 0.1) -> None:
        super().__init__()
        if not 0 < initial < 1:
            raise ValueError(f"initial={initial:g}: must be above 0 and below 1")
        self.g = nn.Parameter(torch.tensor([math.log(initial / (1 - initial))]))  # FSDP refuses parameters of no axis
        self.project = nn.Linear(dim, channels, bias=False)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Features (N, C, *spatial) and text (K, D, dim) to features of the same shape."""
        share = self.g.sigmoid().to(x)
        return (1 - share) * x + _over_space(share * self.project(text.mean(dim=(0, 1))), x)


class FiLM(nn.Module):
    """x' = (1 + gamma) x + beta, one of each a channel, linear in the mean of all embeddings (Perez et al., AAAI 2018).

    Starts as the identity.

    Args:
        channels: C of the features.
        dim: of the embeddings.
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = _zeros(nn.Linear(dim, 2 * channels, bias=False))

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Features (N, C, *spatial) and text (K, D, dim) to features of the same shape."""
        gamma, beta = self.project(text.mean(dim=(0, 1))).chunk(2)
        return (1 + _over_space(gamma, x)) * x + _over_space(beta, x)


class Gate(nn.Module):
    """x' = x + sum_k a_k(x) W m_k: every voxel chooses between the classes' mean embeddings m_k and none.

    a is a softmax over the K classes and the background, which has no text and adds nothing, from two 1x1x1
    convolutions. After the voxel-wise class weights of VCLIPSeg (MICCAI 2024), which concatenates instead. Starts as
    the identity.

    Args:
        channels: C of the features.
        dim: of the embeddings.
        classes: K.
        hidden: channels between the two convolutions.
    """

    def __init__(self, channels: int, dim: int, classes: int, hidden: int = 64) -> None:
        super().__init__()
        self.scores = nn.Sequential(
            nn.Conv3d(channels, hidden, kernel_size=1), nn.ReLU(inplace=True), nn.Conv3d(hidden, classes + 1, 1)
        )
        self.project = _zeros(nn.Linear(dim, channels, bias=False))

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Features (N, C, x, y, z) and text (K, D, dim) to features of the same shape."""
        shares = self.scores(x).softmax(dim=1)[:, 1:]
        vectors = self.project(text.mean(dim=1))  # (K, C)
        # a 1x1x1 convolution whose weights are the classes' vectors
        return x + F.conv3d(shares.to(x), vectors.T.to(x)[..., None, None, None])


class CrossAttention(nn.Module):
    """Every voxel asks all K D descriptors: multi-head attention (Vaswani et al., NeurIPS 2017), added to the features.

    Cf. Text-SemiSeg (MICCAI 2025). Descriptors have unit variance before they become keys and values, so that the
    attention does not start uniform where an encoder's vectors are short. Starts as the identity.

    Args:
        channels: C of the features.
        dim: of the embeddings.
        heads: of the attention.
        width: of all heads together.

    Raises:
        ValueError: `width` is no multiple of `heads`.
    """

    def __init__(self, channels: int, dim: int, heads: int = 4, width: int = 64) -> None:
        super().__init__()
        if heads < 1 or width < 1 or width % heads:
            raise ValueError(f"width={width}: must be a multiple of heads={heads}")
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, width)
        self.key_value = nn.Linear(dim, 2 * width, bias=False)
        self.out = _zeros(nn.Linear(width, channels, bias=False))

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Features (N, C, *spatial) and text (K, D, dim) to features of the same shape."""
        voxels = x.movedim(1, -1)  # no copy where x is channels-last
        query = self._split(self.query(self.norm(voxels)))
        tokens = F.layer_norm(text.flatten(0, 1), text.shape[-1:])
        key, value = (self._split(part) for part in self.key_value(tokens).chunk(2, dim=-1))
        # there are few tokens, so that the scores are smaller than the features
        scores = torch.einsum("...hc,thc->...ht", query, key) / query.shape[-1] ** 0.5
        mixed = torch.einsum("...ht,thc->...hc", scores.softmax(dim=-1).to(value), value)
        return x + self.out(mixed.flatten(-2)).movedim(-1, 1).to(x)

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1))  # (..., heads, width of a head)


_FUSIONS: dict[str, Callable[..., nn.Module]] = {
    "balance": Balance,
    "film": FiLM,
    "gate": Gate,
    "cross_attention": CrossAttention,
}


def build_fusion(
    name: str, channels: int, classes: int, dim: int, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """A module from features (N, channels, x, y, z) and text (classes, D, dim) to features of the same shape.

    Args:
        name: balance, film, gate or cross_attention.
        channels: of the features.
        classes: K of the text.
        dim: of the embeddings.
        options: further arguments of the fusion, such as `initial` of balance.

    Raises:
        ValueError: no such fusion, or an option that it does not take.
    """
    if name not in _FUSIONS:
        raise ValueError(f"fusion={name}: choose from {', '.join(_FUSIONS)}")
    arguments = dict(options or {})
    if name == "gate":
        arguments["classes"] = classes
    try:
        return _FUSIONS[name](channels=channels, dim=dim, **arguments)
    except TypeError as error:
        raise ValueError(f"fusion={name}: {error}") from error


def _over_space(values: Tensor, x: Tensor) -> Tensor:
    """(C,) in the type of x, to be broadcast to it."""
    return values.to(x)[:, *[None] * (x.dim() - 2)]


def _zeros(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    return layer
