"""Wiring, which parameter counts cannot see: every network against its description written out by hand.

The references below are plain functions that take a network's weights in the order of execution. They know nothing of
UNet's settings; each follows the published description of one LLM's network, stage by stage.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hydra.errors import InstantiationException
from omegaconf import OmegaConf
from torch import Tensor, nn

from llmseg.models import UNet

CONF = Path(__file__).parents[2] / "conf" / "model"
UNETS = sorted(file.stem for file in CONF.glob("*.yaml") if "llmseg.models.UNet\n" in file.read_text())
Build = Callable[..., Any]
Randomise = Callable[[nn.Module], nn.Module]


class Layers:
    """A network's tensors, taken one after the other by functional layers."""

    def __init__(self, network: nn.Module) -> None:
        self.left = [tensor for name, tensor in network.state_dict().items() if "num_batches" not in name]

    def conv(self, x: Tensor, bias: bool = True) -> Tensor:
        weight = self.left.pop(0)
        return F.conv2d(x, weight, self.left.pop(0) if bias else None, padding=weight.shape[-1] // 2)

    def valid_conv(self, x: Tensor) -> Tensor:
        return F.relu(F.conv2d(x, self.left.pop(0), self.left.pop(0)))

    def up(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.left.pop(0), self.left.pop(0), stride=2)

    def norm(self, x: Tensor) -> Tensor:
        weight, bias, mean, variance = (self.left.pop(0) for _ in range(4))
        return F.batch_norm(x, mean, variance, weight, bias)

    def relu(self, x: Tensor, norm: bool = True) -> Tensor:
        return F.relu(self.norm(x) if norm else x)

    def double(self, x: Tensor, norm: bool = True, bias: bool = True) -> Tensor:
        for _ in range(2):
            x = self.relu(self.conv(x, bias), norm)
        return x


def halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


def canonical(layers: Layers, x: Tensor, levels: int = 4, up_first: bool = True, **block: bool) -> Tensor:
    skips = []
    for _ in range(levels):
        skips.append(layers.double(x, **block))
        x = halve(skips[-1])
    x = layers.double(x, **block)
    for skip in reversed(skips):
        x = layers.up(x)
        x = layers.double(torch.cat([x, skip] if up_first else [skip, x], 1), **block)
    return layers.conv(x)


def bilinear(layers: Layers, x: Tensor, bias: bool = True) -> Tensor:
    skips = []
    for _ in range(4):
        skips.append(layers.double(x, bias=bias))
        x = halve(skips[-1])
    x = layers.double(x, bias=bias)
    for skip in reversed(skips):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = layers.double(torch.cat([skip, x], 1), bias=bias)
    return layers.conv(x)


def gpt4o(layers: Layers, x: Tensor) -> Tensor:
    skips = []
    for _ in range(5):
        skips.append(layers.double(x))
        x = halve(skips[-1])
    for skip in skips[3::-1]:
        x = layers.up(x)
        x = layers.double(torch.cat([x, skip[:, :, : x.shape[2], : x.shape[3]]], 1))
    return layers.conv(x)


def gemini15(layers: Layers, x: Tensor) -> Tensor:
    pooled = []
    for _ in range(4):
        x = halve(layers.double(x))
        pooled.append(x)
    x = layers.double(x)
    for skip in reversed(pooled):
        x = F.interpolate(layers.up(x), size=skip.shape[2:], mode="bilinear", align_corners=True)
        x = layers.double(torch.cat([skip, x], 1))
    return layers.conv(x)


def copilot(layers: Layers, x: Tensor) -> Tensor:
    pooled = []
    for _ in range(4):
        x = halve(layers.double(x))
        pooled.append(x)
    for skip in (pooled[2], pooled[1], pooled[0], 0):
        x = layers.relu(layers.up(x))
        x = layers.relu(layers.conv(x)) + skip
    return layers.conv(x)


def bing_copilot(layers: Layers, x: Tensor) -> Tensor:
    for _ in range(4):
        x = halve(layers.double(x, norm=False))
    for _ in range(4):
        x = F.relu(layers.conv(F.relu(layers.up(x))))
    return x


def llama31(layers: Layers, x: Tensor) -> Tensor:
    for _ in range(3):
        x = halve(layers.valid_conv(x))
    return layers.up(F.relu(layers.up(F.relu(layers.up(x)))))


def repaired_copilot(layers: Layers, x: Tensor) -> Tensor:
    skips = []
    for _ in range(3):
        skips.append(layers.double(x))
        x = halve(skips[-1])
    x = layers.double(x)
    for skip in reversed(skips):
        x = layers.relu(layers.up(x))
        x = layers.relu(layers.conv(x)) + skip
    return layers.conv(x)


def repaired_without_norm(layers: Layers, x: Tensor, levels: int, convs: int) -> Tensor:
    def block(x: Tensor) -> Tensor:
        for _ in range(convs):
            x = F.relu(layers.conv(x))
        return x

    skips = []
    for _ in range(levels):
        skips.append(block(x))
        x = halve(skips[-1])
    x = block(x)
    for skip in reversed(skips):
        x = F.relu(layers.conv(torch.cat([F.relu(layers.up(x)), skip], 1)))
    return layers.conv(x)


AS_GENERATED: dict[str, Callable[[Layers, Tensor], Tensor]] = {
    "gpt4": partial(canonical, levels=3, norm=False),
    "gpt4o": gpt4o,
    "gpt_o1": canonical,
    "claude35": canonical,
    "gemini15": gemini15,
    "copilot": copilot,
    "bing_copilot": bing_copilot,
    "llama31": llama31,
    "gpt_o3": partial(canonical, bias=False),
    "gpt_o4_mini_high": partial(canonical, bias=False, up_first=False),
    "deepseek_v3": bilinear,
    "deepseek_r1": bilinear,
    "claude4": partial(canonical, bias=False, up_first=False),
    "gemini25": partial(bilinear, bias=False),
    "grok3": partial(canonical, up_first=False),
    "grok3_mini": partial(canonical, up_first=False),
    "llama4": bilinear,
    "llama4_published": partial(canonical, levels=3),
    "mistral_medium3": bilinear,
    "qwen3": canonical,
    "qwen3_nothink": partial(canonical, levels=3),
    "unet": canonical,
}
REPAIRED = AS_GENERATED | {
    "gpt4o": canonical,
    "gemini15": partial(canonical, up_first=False),
    "copilot": repaired_copilot,
    "bing_copilot": partial(repaired_without_norm, levels=3, convs=2),
    "llama31": partial(repaired_without_norm, levels=2, convs=1),
}


def image(*size: int) -> Tensor:
    return torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@torch.no_grad()
@pytest.mark.parametrize("out_channels", [1, 3])
@pytest.mark.parametrize("repaired", [False, True])
@pytest.mark.parametrize("name", UNETS)
def test_network_computes_what_its_description_says(
    name: str, repaired: bool, out_channels: int, build: Build, randomise: Randomise
) -> None:
    network = randomise(build(name, repaired=repaired, out_channels=out_channels))
    layers = Layers(network)
    expected = (REPAIRED if repaired else AS_GENERATED)[name](layers, image(64, 96))
    assert not layers.left, "the description uses every weight"
    assert expected.std() > 0
    torch.testing.assert_close(network(image(64, 96)), expected, rtol=1e-10, atol=1e-12)


def outcome(network: nn.Module, size: int) -> Tensor | None:
    """Logits in training mode (dropout acts), or None where the network takes no such size."""
    torch.manual_seed(0)
    try:
        return network.train()(image(size, size))
    except ValueError:
        return None


MUTANTS = [
    (name, str(field))
    for name in UNETS
    if name != "unet"
    for field in OmegaConf.load(CONF / f"{name}.yaml")
    if field not in ("_target_", "spatial_dims", "in_channels", "out_channels", "repaired", "width")
]


@torch.no_grad()
@pytest.mark.parametrize(("name", "field"), MUTANTS)
def test_every_setting_is_needed(name: str, field: str, build: Build, randomise: Randomise) -> None:
    """Without any one of a network's settings it cannot be built, or has other parameters, sizes or values."""
    network = randomise(build(name))
    narrow = {"width": 4} if field == "widths" else {}
    try:
        mutant = randomise(build(name, without=field, **narrow))
    except InstantiationException as error:
        if isinstance(error.__cause__, ValueError):
            return
        raise
    mine, other = ([tensor.shape for tensor in net.state_dict().values()] for net in (network, mutant))
    if mine != other:
        return
    mutant.load_state_dict(network.state_dict())
    for size in (64, 72):
        before, after = outcome(network, size), outcome(mutant, size)
        if before is None or after is None:
            if before is not after:
                return
        elif before.shape != after.shape or not torch.allclose(before, after, rtol=1e-6):
            return
    pytest.fail(f"{field} of {name} changes nothing")


def test_mutations_cover_every_setting_the_study_needs() -> None:
    assert {field for _, field in MUTANTS} == {
        *("widths", "decoder_widths", "encoder_convs", "decoder_convs", "decoder_mid", "norm", "bias", "padding", "up"),
        *("skip", "skip_source", "pools", "dropout", "head", "pad_up"),
    }


@torch.no_grad()
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt_o1", "claude35"),
        ("gpt_o1", "qwen3"),
        ("gpt_o1", "unet"),
        ("grok3", "grok3_mini"),
        ("gpt_o4_mini_high", "claude4"),
        ("deepseek_v3", "mistral_medium3"),
        ("deepseek_v3", "llama4"),
        ("llama4_published", "qwen3_nothink"),
    ],
)
def test_llms_that_wrote_the_same_network(one: str, other: str, build: Build, randomise: Randomise) -> None:
    network, twin = randomise(build(one)), build(other).double().eval()
    twin.load_state_dict(network.state_dict())
    assert torch.equal(network(image(64, 64)), twin(image(64, 64)))


@torch.no_grad()
def test_order_of_concatenation_is_a_swap_of_input_channels(build: Build, randomise: Randomise) -> None:
    network, swapped = randomise(build("gpt_o1")), build("grok3").double().eval()
    swapped.load_state_dict(network.state_dict())
    assert not torch.allclose(network(image(64, 64)), swapped(image(64, 64)))
    for stage in swapped.decoder:
        weight = stage.block[0].weight
        weight.copy_(torch.cat(weight.chunk(2, dim=1)[::-1], dim=1))
    torch.testing.assert_close(network(image(64, 64)), swapped(image(64, 64)), rtol=1e-12, atol=1e-13)


@torch.no_grad()
def test_bias_before_batch_norm_is_redundant(build: Build, randomise: Randomise) -> None:
    """Folded into the batch norm's mean it leaves the function of the bias-free network."""
    network, bare = randomise(build("grok3")), build("gpt_o4_mini_high").double().eval()
    state = network.state_dict()
    for name in list(state):
        if name.endswith("running_mean"):
            block, layer = name.removesuffix(".running_mean").rsplit(".", 1)
            state[name] = state[name] - state.pop(f"{block}.{int(layer) - 1}.bias")
    bare.load_state_dict(state)
    torch.testing.assert_close(network(image(64, 64)), bare(image(64, 64)), rtol=1e-12, atol=1e-13)


@torch.no_grad()
@pytest.mark.parametrize("name", UNETS)
def test_predicted_output_size_is_the_real_one(name: str, build: Build) -> None:
    """Sizes that the check refuses do fail (in torch), all others give the predicted size."""
    network = build(name).to("meta").eval()
    check = network.output_size
    network.output_size = lambda size: None
    for size in (1, 16, 31, 32, 50, 65, 72, 80):
        given = torch.zeros(1, 1, size, size, device="meta")
        try:
            expected = check((size, size))
        except ValueError:
            with pytest.raises(RuntimeError):
                network(given)
        else:
            assert network(given).shape[2:] == expected


@pytest.mark.parametrize("name", UNETS)
def test_repaired_networks_have_an_aligned_skip_at_every_resolution(name: str, build: Build) -> None:
    network = build(name, repaired=True)
    merged = []
    for stage in network.decoder:
        stage.register_forward_pre_hook(lambda _module, given: merged.append((given[0].shape, given[1].shape)))
    logits = network(torch.randn(2, 1, 64, 96))
    assert logits.shape == (2, 1, 64, 96)
    assert all(skip[2:] == (2 * below[2], 2 * below[3]) for below, skip in merged)
    assert merged[-1][1][2:] == (64, 96)
    logits.square().mean().backward()
    assert all(p.grad is not None and (p.dim() == 1 or p.grad.abs().sum() > 0) for p in network.parameters())


@pytest.mark.parametrize("name", sorted(set(UNETS) - {"gpt4o", "gemini15", "copilot", "bing_copilot", "llama31"}))
def test_repair_leaves_sound_networks_alone(name: str, build: Build) -> None:
    assert build(name, repaired=True).wiring == build(name).wiring


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"skip": "sum"}, "skip must be one of up_skip, skip_up, add, none, not 'sum'"),
        ({"spatial_dims": 1}, "spatial_dims must be 2 or 3, not 1"),
        ({"in_channels": 0}, "in_channels must be at least 1"),
        ({"out_channels": 0}, "out_channels must be at least 1"),
        ({"width": 8, "widths": [8, 16]}, "either widths, or width and depth"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"widths": []}, "must be positive numbers"),
        ({"width": 0}, "must be positive numbers"),
        ({"pools": 6}, "pools must be 0 to 5"),
        ({"encoder_convs": 0}, "encoder_convs must be at least 1"),
        ({"padding": 2}, "padding must be 0 or 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"decoder_convs": 0}, "decoder_convs must be at least 1 with"),
        ({"head": "none"}, "last of decoder_widths must be null"),
        ({"skip": "add", "decoder_widths": [7, 7, 7, 7]}, "added skips need equal widths"),
        ({"padding": 0}, "skip connections never fit"),
        ({"pools": 3}, "skip connections never fit"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        UNet(**{"in_channels": 1, "out_channels": 1, **arguments})
