"""Cost of networks written here with torch.nn alone, against published parameter counts and GMACs."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from llmseg.evaluation.cost import gmacs, parameters, peak_memory_mb


def double_conv(a: int, b: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for c in (a, b):
        layers += [nn.Conv2d(c, b, 3, padding=1), *([nn.BatchNorm2d(b)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers)


class PlainUNet(nn.Module):
    """The textbook network: GPT-4's with widths up to 512 and no norm, o1's with widths up to 1024 and norm."""

    def __init__(self, widths: list[int], norm: bool) -> None:
        super().__init__()
        pairs = list(pairwise(widths))[::-1]
        self.down = nn.ModuleList(double_conv(a, b, norm) for a, b in zip([1, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairs)
        self.merge = nn.ModuleList(double_conv(b, a, norm) for a, b in pairs)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for block in self.down:
            x = block(nn.functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
            x = merge(torch.cat([up(x), skip], 1))
        return torch.as_tensor(self.head(x))


def llama31() -> nn.Sequential:
    down = [
        layer for a, b in ((1, 64), (64, 128), (128, 256)) for layer in (nn.Conv2d(a, b, 3), nn.ReLU(), nn.MaxPool2d(2))
    ]
    up = [nn.ConvTranspose2d(a, b, 2, 2) for a, b in ((256, 128), (128, 64), (64, 1))]
    return nn.Sequential(*down, *up)


@pytest.mark.parametrize(
    ("net", "count", "cost"),
    [
        (PlainUNet([64, 128, 256, 512], norm=False), 7_696_193, 36.683),
        (PlainUNet([64, 128, 256, 512, 1024], norm=True), 31_042_369, 48.092),
        (llama31(), 533_953, 2.490),
    ],
    ids=["gpt4", "gpt_o1", "llama31"],
)
def test_published_figures(net: nn.Module, count: int, cost: float) -> None:
    assert parameters(net) == count
    assert gmacs(net, (1, 1, 256, 256)) == pytest.approx(cost, abs=6e-4)


def test_one_convolution_by_hand_in_3d() -> None:
    assert gmacs(nn.Conv3d(3, 5, 3, padding=1), (2, 3, 8, 9, 10)) == pytest.approx(2 * 8 * 9 * 10 * 27 * 3 * 5 / 1e9)


def test_the_network_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    gmacs(net, (1, 1, 8, 8))
    assert net.training
    assert all(p.device.type == "cpu" for p in net.parameters())


def test_frozen_parameters_count_and_buffers_do_not() -> None:
    assert parameters(nn.BatchNorm2d(7).requires_grad_(False)) == 14


def test_peak_memory_of_the_process_holds_a_large_tensor() -> None:
    kept = torch.ones(2**24)  # 64 MiB
    assert kept.numel() * 4 / 2**20 < peak_memory_mb("cpu") < 2**20
