"""How fast is the sliding window of 3D networks: `python benchmarks/windows.py [--device cuda]`.

A volume as large as a left atrium of the semi-supervised field, with its patch: first with a network that only adds a
slope to each window, at the field's stride, so that little but cutting and stitching is timed, and a window that is not
averaged as it should be shows in the mask; then with V-Net and windows that overlap by
half, 18 of them; on a CPU it has half of the field's width, so that it takes seconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import ceil

import numpy as np
import torch
from harness import Options, Row, Same, Side, Work, compare, equal, main
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from llmseg.data.geometry import decide
from llmseg.data.preprocessing import Recipe
from llmseg.inference.predictor import Predictor
from llmseg.inference.windows import window_planes, window_starts
from llmseg.models.vnet import VNet

QUESTION = "Sliding window over a volume: stitching alone, and with a network"
Mask = NDArray[np.integer]
Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sizes:
    """Voxels of each axis."""

    volume: tuple[int, int, int]
    patch: tuple[int, int, int]
    stride: tuple[int, int, int]

    @property
    def windows(self) -> int:
        """How many there are."""
        return len(window_starts(self.volume, self.patch, 0.5, self.stride))

    def __str__(self) -> str:
        volume, patch, stride = ("x".join(map(str, each)) for each in (self.volume, self.patch, self.stride))
        return f"{volume}, {self.windows} windows of {patch}, stride {stride}"


STITCHING = Sizes((200, 200, 88), (112, 112, 80), (18, 18, 4))
NETWORK = Sizes((200, 200, 88), (112, 112, 80), (56, 56, 40))
SMALL = Sizes((48, 48, 40), (32, 32, 32), (8, 8, 4))


def rows(options: Options) -> Iterator[Row]:
    """Stitching, then V-Net."""
    yield from _stitching(SMALL if options.small else STITCHING, options)
    yield from _network(SMALL if options.small else NETWORK, replace(options, rounds=min(options.rounds, 3), cap=40.0))


def _stitching(sizes: Sizes, options: Options) -> Iterator[Row]:
    logits, net = smooth(2, sizes.volume).to(options.device), sloping(sizes.patch, options.device)

    def ours() -> Mask:
        planes = window_planes(net, logits, sizes.patch, weights="constant", stride=sizes.stride)
        return np.concatenate([decide(part.softmax(dim=1).movedim(1, 0), False)[0].cpu().numpy() for part in planes])

    # the field means probabilities, MONAI logits as we do: its masks are the very same
    for peer, same in (
        (
            Side("numpy loop (stand-in)", partial(field_loop, net, _numpy(logits), sizes, options.device)),
            partial(same_dice, least=0.999),
        ),
        (Side("MONAI sliding_window_inference", partial(monai, net, logits, sizes)), partial(equal, what="masks")),
    ):
        yield from compare(
            f"stitching, {sizes}, 2 classes",
            Side("window_planes", ours),
            [peer],
            same=same,
            aim=3,
            options=options,
            work=Work(bytes=_stitched_bytes(sizes, 2)),
        )


def _network(sizes: Sizes, options: Options) -> Iterator[Row]:
    width = 4 if options.small else 16 if options.device.type == "cuda" else 8
    image = smooth(1, sizes.volume)
    net = learn_threshold(v_net(width).to(options.device), image, sizes.patch)
    volume, recipe = image.to(options.device), Recipe((), False, None, None, "zscore", None, False, 2, None)
    plain = v_net(width).to(options.device).eval()
    plain.load_state_dict(net.state_dict())
    predictor = Predictor(net, recipe, sizes.patch, precision="bf16-mixed", device=options.device,
                          weights="constant", stride=sizes.stride)  # fmt: skip

    def ours() -> Mask:
        parts = predictor.planes(image.numpy())
        return np.concatenate([decide(part.movedim(1, 0), False)[0].cpu().numpy() for part in parts])

    yield from compare(
        f"V-Net of width {width}, {sizes}",
        Side("Predictor, bf16-mixed", ours),
        [
            Side("numpy loop, fp32 (stand-in)", partial(field_loop, plain, _numpy(image), sizes, options.device)),
            Side("MONAI sliding_window_inference, fp32", partial(monai, plain, volume, sizes)),
        ],
        same=same_dice,
        aim=1.3,
        options=options,
        work=Work(flop=sizes.windows * _flop(plain, sizes.patch, options.device), dtype="bfloat16"),
    )


def sloping(size: Sequence[int], device: torch.device) -> Network:
    """A network that costs next to nothing, and whose windows differ where they overlap.

    A voxel's logits depend on its place in the window: masks of the last window alone, or of wrong weights, have a Dice
    of about 0.9 with the right ones. Means of probabilities, as the field's, differ from means of logits in few voxels.
    """
    x, y, z = torch.meshgrid(*(torch.linspace(-0.3, 0.3, n, device=device) for n in size), indexing="ij")
    slope = torch.stack([x + y + z, -x - y - z])[None]
    return lambda patch: patch + slope


@torch.no_grad()
def field_loop(net: Network, image: NDArray[np.float32], sizes: Sizes, device: torch.device) -> Mask:
    """As the semi-supervised field's test scripts: window after window, each one's softmax summed up in numpy.

    Args:
        net: in evaluation mode.
        image: (C, X, Y, Z).
        sizes: of patch and stride.
        device: of the network.
    """
    score: NDArray[np.float32] = np.zeros((2, *sizes.volume), np.float32)
    count: NDArray[np.float32] = np.zeros(sizes.volume, np.float32)
    axes = zip(sizes.volume, sizes.patch, sizes.stride, strict=True)
    places = [
        [min(step * index, n - window) for index in range(ceil((n - window) / step) + 1)] for n, window, step in axes
    ]
    for start in product(*places):
        place = tuple(slice(first, first + n) for first, n in zip(start, sizes.patch, strict=True))
        patch = torch.from_numpy(image[:, *place][None].astype(np.float32)).to(device)
        probability = torch.softmax(net(patch), dim=1).cpu().numpy()[0]
        score[:, *place] = score[:, *place] + probability
        count[place] = count[place] + 1
    return np.asarray(np.argmax(score / count[None], axis=0))


@torch.no_grad()
def monai(net: Network, volume: Tensor, sizes: Sizes) -> Mask:
    """MONAI's inferer with the same windows, four at a time as in its tutorials, and what follows it there."""
    logits = sliding_window_inference(volume, sizes.patch, 4, net, overlap=_overlap(sizes), mode="constant")
    assert isinstance(logits, Tensor)
    return np.asarray(logits.softmax(dim=1).argmax(dim=1)[0].cpu().numpy())


def _overlap(sizes: Sizes) -> Sequence[float]:
    """Shares that MONAI turns into these very strides; half a voxel saves it from rounding down to one less."""
    return [1 - (step + 0.5) / window for step, window in zip(sizes.stride, sizes.patch, strict=True)]


def smooth(channels: int, shape: Sequence[int]) -> Tensor:
    """Blobs (1, C, X, Y, Z) of mean 0 and deviation 1."""
    coarse = torch.randn(1, channels, *(max(n // 8, 2) for n in shape), generator=torch.Generator().manual_seed(0))
    values = functional.interpolate(coarse, tuple(shape), mode="trilinear")
    return (values - values.mean()) / values.std()


def v_net(width: int, classes: int = 2) -> VNet:
    """A new one; its rectifiers leak, as few steps on few channels can lose a class to plain ones."""
    torch.manual_seed(0)
    return VNet(in_channels=1, out_channels=classes, width=width, negative_slope=0.1)


def learn_threshold(
    net: nn.Module, image: Tensor, patch: Sequence[int], bounds: Sequence[float] = (0.0,), steps: int = 60
) -> nn.Module:
    """Teach a network to tell grey values apart, from small pieces of an image: masks of a random one are noise."""
    device, side = next(net.parameters()).device, min(*patch, 32)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    random, levels = np.random.default_rng(0), torch.tensor(bounds, device=device)
    net.train()
    for _ in range(steps):
        starts = random.integers([n - side + 1 for n in image.shape[2:]], size=(2, 3))
        pieces = torch.cat([image[:, :, x : x + side, y : y + side, z : z + side] for x, y, z in starts.tolist()])
        pieces = pieces.to(device)
        optimizer.zero_grad()
        functional.cross_entropy(net(pieces), torch.bucketize(pieces[:, 0], levels)).backward()
        optimizer.step()
    return net.eval()


def same_dice(ours: Mask, theirs: Mask, least: float = 0.99) -> Same:
    """Masks that agree, and that show something: Dice of `least` or more for every class."""
    values = [value for value in np.unique(ours).tolist() if value]
    shares = [float(np.mean(ours == value)) for value in values]
    dice = min((_dice(ours == value, theirs == value) for value in values), default=0.0)
    shown = ", ".join(f"{share:.0%}" for share in shares)
    return Same(dice >= least and 0.05 < min(shares) < 0.95, f"Dice of masks {dice:.4f} or more, foreground {shown}")


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def _numpy(volume: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(volume[0].cpu().numpy())


def _stitched_bytes(sizes: Sizes, channels: int) -> float:
    """Each window and the slope are read, their sum written and added: two arrays read, one written; float32."""
    return 6.0 * 4 * channels * sizes.windows * float(np.prod(sizes.patch))


def _flop(net: nn.Module, patch: Sequence[int], device: torch.device) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 1, *patch, device=device))
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main("windows", QUESTION, rows)
