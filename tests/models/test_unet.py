"""The networks of conf/model: published parameter counts, sizes, channels, dimensions, saving, precision."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from llmseg.models import UNet

CONF = Path(__file__).parents[2] / "conf" / "model"
# our own; those of other libraries have tests of their own
NAMES = sorted(
    file.stem for file in CONF.glob("*.yaml") if re.search(r"llmseg\.models\.(UNet|VNet)$", file.read_text(), re.M)
)
UNETS = [name for name in NAMES if name != "vnet"]
Build = Callable[..., Any]

# encoder blocks, up-convolutions, decoder convolutions, head; by hand: a 3x3 convolution has 9ab (+ b bias) weights
CANONICAL = (
    [37_824, 221_952, 886_272, 3_542_016, 14_161_920],
    [2_097_664, 524_544, 131_200, 32_832],
    [7_080_960, 1_771_008, 443_136, 110_976],
    65,
)
WITHOUT_BIAS = (
    [37_696, 221_696, 885_760, 3_540_992, 14_159_872],
    CANONICAL[1],
    [7_079_936, 1_770_496, 442_880, 110_848],
    65,
)
BILINEAR = (
    [37_824, 221_952, 886_272, 3_542_016, 4_721_664],
    [0, 0, 0, 0],
    [2_950_656, 738_048, 184_704, 110_976],
    65,
)
FOUR_LEVELS = (CANONICAL[0][:4], CANONICAL[1][1:], CANONICAL[2][1:], 65)
BLOCKS = {
    "gpt4": ([37_568, 221_440, 885_248, 3_539_968], CANONICAL[1][1:], [1_769_984, 442_624, 110_720], 65),
    "gpt4o": CANONICAL,
    "gpt_o1": CANONICAL,
    "claude35": CANONICAL,
    "gemini15": CANONICAL,
    "gpt_o3": (
        [9_632, 55_552, 221_696, 885_760, 3_540_992],
        [524_544, 131_200, 32_832, 8_224],
        [1_770_496, 442_880, 110_848, 27_776],
        33,
    ),
    "gpt_o4_mini_high": WITHOUT_BIAS,
    "deepseek_v3": BILINEAR,
    "deepseek_r1": (CANONICAL[0], [0, 0, 0, 0], [9_440_256, 2_360_832, 590_592, 147_840], 65),
    "claude4": WITHOUT_BIAS,
    "gemini25": (
        [37_696, 221_696, 885_760, 3_540_992, 4_720_640],
        [0, 0, 0, 0],
        [5_899_776, 1_475_328, 369_024, 110_848],
        65,
    ),
    "grok3": CANONICAL,
    "grok3_mini": CANONICAL,
    "llama4": BILINEAR,
    "llama4_published": FOUR_LEVELS,
    "mistral_medium3": BILINEAR,
    "qwen3": CANONICAL,
    "qwen3_nothink": FOUR_LEVELS,
    "unet": CANONICAL,
}
# encoder blocks, whole decoder stages, head
STAGES = {
    "copilot": (CANONICAL[0][:4], [1_115_648, 279_296, 70_016, 271], 2),
    "bing_copilot": ([37_568, 221_440, 885_248, 3_539_968], [1_114_624, 278_784, 69_760, 267], 0),
    "llama31": ([640, 73_856, 295_168], [131_200, 32_832], 257),
}
# parameters, tensors in the state dict, batch norm parameters
TOTALS = {
    "gpt4": (7_696_193, 36, 0),
    **dict.fromkeys(("gpt4o", "gpt_o1", "claude35", "gemini15"), (31_042_369, 136, 11_776)),
    "copilot": (6_153_297, 114, 4 * (64 + 128 + 256 + 512) + 4 * (256 + 128 + 64 + 1)),
    "bing_copilot": (6_147_659, 32, 0),
    "llama31": (533_953, 12, 0),
    "gpt_o3": (7_762_465, 118, 5_888),
    **dict.fromkeys(("gpt_o4_mini_high", "claude4"), (31_036_481, 118, 11_776)),
    **dict.fromkeys(("deepseek_v3", "mistral_medium3", "llama4"), (13_394_177, 128, 7_936)),
    "deepseek_r1": (31_389_569, 128, 11_776),
    "gemini25": (17_261_825, 110, 8_832),
    **dict.fromkeys(("grok3", "grok3_mini", "qwen3", "unet"), (31_042_369, 136, 11_776)),
    **dict.fromkeys(("llama4_published", "qwen3_nothink"), (7_701_825, 106, 5_632)),
}
# side of the input to side of the output; None: refused
MULTIPLE_OF_8: dict[int, int | None] = {256: 256, 264: 264, 250: None}
MULTIPLE_OF_16: dict[int, int | None] = {256: 256, 272: 272, 264: None, 250: None}
ANY: dict[int, int | None] = {256: 256, 72: 72, 65: 65, 250: 250}
SIZES: dict[str, dict[int, int | None]] = {
    "gpt4": MULTIPLE_OF_8,
    "gpt4o": {256: 128, 160: 80, 250: 112, 512: 256, 31: None},
    "gpt_o1": MULTIPLE_OF_16,
    "claude35": MULTIPLE_OF_16,
    "gemini15": {256: 128, 160: 80, 250: 125},
    "copilot": {128: 128, 65: 64, 72: None},
    "bing_copilot": {256: 256, 250: 240},
    "llama31": {256: 240, 160: 144, 250: 232},
    "gpt_o3": MULTIPLE_OF_16,
    "gpt_o4_mini_high": MULTIPLE_OF_16,
    "deepseek_v3": ANY,
    "deepseek_r1": ANY,
    "claude4": ANY,
    "gemini25": ANY,
    "grok3": MULTIPLE_OF_16,
    "grok3_mini": MULTIPLE_OF_16,
    "llama4": ANY,
    "llama4_published": MULTIPLE_OF_8,
    "mistral_medium3": ANY,
    "qwen3": MULTIPLE_OF_16,
    "qwen3_nothink": MULTIPLE_OF_8,
    "unet": MULTIPLE_OF_16,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_network_has_an_oracle() -> None:
    assert set(TOTALS) == set(SIZES) == set(BLOCKS) | set(STAGES) == set(UNETS)


@pytest.mark.parametrize("name", UNETS)
def test_parameters_are_the_published_ones(name: str, build: Build) -> None:
    network = build(name, narrow=False)
    norms = sum(count(module) for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    assert (count(network), len(network.state_dict()), norms) == TOTALS[name]


@pytest.mark.parametrize("name", BLOCKS)
def test_parameters_of_each_block(name: str, build: Build) -> None:
    network = build(name, narrow=False)
    encoder, up, decoder, head = BLOCKS[name]
    assert [count(block) for block in network.encoder] == encoder
    assert [count(stage.up) for stage in network.decoder] == up
    assert [count(stage.block) for stage in network.decoder] == decoder
    assert count(network.head) == head


@pytest.mark.parametrize("name", STAGES)
def test_parameters_of_each_stage(name: str, build: Build) -> None:
    network = build(name, narrow=False)
    encoder, decoder, head = STAGES[name]
    assert [count(block) for block in network.encoder] == encoder
    assert [count(stage) for stage in network.decoder] == decoder
    assert count(network.head) == head


@pytest.mark.parametrize("name", ["gpt_o3", "gpt_o4_mini_high"])
def test_colour_images_add_weights_to_the_first_convolution_only(name: str, build: Build) -> None:
    published = {"gpt_o3": 7_763_041, "gpt_o4_mini_high": 31_037_633}
    assert count(build(name, narrow=False, in_channels=3)) == published[name]


@pytest.mark.parametrize(
    ("name", "given", "expected"), [(n, *pair) for n, sizes in SIZES.items() for pair in sizes.items()]
)
def test_output_size(name: str, given: int, expected: int | None, build: Build) -> None:
    network = build(name, narrow=False)
    image = torch.zeros(1, 1, given, given, device="meta")
    if expected is None:
        with pytest.raises(ValueError, match=f"input of size {given} x {given} does not fit: every side must be"):
            network(image)
    else:
        assert network(image).shape == (1, 1, expected, expected)


def test_remedy_for_a_wrong_size_is_right(build: Build) -> None:
    with pytest.raises(ValueError, match="250 x 256 does not fit: every side must be a multiple of 16"):
        build("gpt_o1")(torch.zeros(1, 1, 250, 256))
    with pytest.raises(ValueError, match="31 x 64 does not fit: every side must be at least 32"):
        build("gpt4o")(torch.zeros(1, 1, 31, 64))
    assert build("gpt4o")(torch.zeros(2, 1, 32, 32)).shape == (2, 1, 16, 16)


@pytest.mark.parametrize("name", NAMES)
def test_three_dimensions_and_any_channels(name: str, build: Build) -> None:
    network = build(name, narrow=name != "vnet", spatial_dims=3, in_channels=4, out_channels=3).to("meta")
    assert not any(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())
    logits = network(torch.zeros(1, 4, 64, 32, 48, device="meta"))
    assert logits.shape[:2] == (1, 3)
    if name != "vnet":
        flat = build(name, in_channels=4, out_channels=3)
        expected = [flat.output_size((side, 64))[0] for side in (64, 32, 48)]
        assert list(logits.shape[2:]) == expected


@pytest.mark.parametrize("name", UNETS)
def test_3d_network_is_the_2d_one_along_a_constant_axis(name: str, build: Build) -> None:
    """With kernels that ignore the third axis, each slice of a volume of equal slices is what the 2D network gives."""
    flat, deep = build(name).eval(), build(name, spatial_dims=3).eval()
    state = {}
    for (key, weight), target in zip(flat.state_dict().items(), deep.state_dict().values(), strict=True):
        state[key] = weight
        if weight.dim() == 4:
            # an up-convolution copies along the third axis, any other kernel has its weights in the middle
            state[key] = weight[..., None].expand_as(target).clone()
            if target.shape[-1] == 3:
                state[key][..., [0, 2]] = 0
    deep.load_state_dict(state)
    image = torch.randn(1, 1, 32, 48)
    volume = image[..., None].expand(1, 1, 32, 48, 32)
    with torch.no_grad():
        expected, logits = flat(image), deep(volume)
    torch.testing.assert_close(logits, expected[..., None].expand_as(logits), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_saved_weights_come_back_with_weights_only(name: str, build: Build) -> None:
    size = (32, 32, 32) if name == "vnet" else (64, 64)
    network, other = build(name).eval(), build(name).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    image = torch.randn(1, 1, *size)
    with torch.no_grad():
        assert torch.equal(network(image), other(image))


@pytest.mark.parametrize("name", UNETS)
def test_channels_last_and_bf16(name: str, build: Build) -> None:
    network = build(name, repaired=True).eval()
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        expected = network(image)
        network.to(memory_format=torch.channels_last)
        torch.testing.assert_close(network(image.to(memory_format=torch.channels_last)), expected, rtol=1e-3, atol=1e-4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(image)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, rtol=0.05, atol=0.05)


def test_bing_copilot_never_gives_a_negative_logit(build: Build) -> None:
    network, repaired = build("bing_copilot", out_channels=3), build("bing_copilot", out_channels=3, repaired=True)
    nn.init.constant_(repaired.head.bias, -1)
    image = 10 * torch.randn(2, 1, 32, 32)
    assert network(image).min() >= 0
    assert repaired(image).min() < 0


def test_gpt4o_crops_its_skips_to_their_first_corner(build: Build) -> None:
    network = build("gpt4o").eval()
    caught: list[torch.Tensor] = []
    network.encoder[3].register_forward_hook(lambda _m, _i, out: caught.append(out.clone()))
    network.decoder[0].block.register_forward_pre_hook(lambda _m, given: caught.append(given[0].clone()))
    network(torch.randn(1, 1, 256, 256))
    skip, merged = caught
    assert skip.shape[2:] == (32, 32)
    assert torch.equal(merged[:, 32:], skip[:, :, :16, :16])


def test_claude4_drops_channels_in_training_only(build: Build) -> None:
    network, image = build("claude4"), torch.randn(2, 1, 64, 64)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_canonical_network_of_any_width_and_depth() -> None:
    with torch.device("meta"):
        network = UNet(in_channels=1, out_channels=2, spatial_dims=3, width=16, depth=3)
    # 3x3x3 convolutions: 27ab weights, b biases, 2b of batch norm
    first, last = 27 * 16 + 27 * 16 * 16 + 6 * 16, 27 * 64 * 128 + 27 * 128 * 128 + 6 * 128
    assert [count(block) for block in network.encoder][::3] == [first, last]
    assert network.output_size((24, 32, 40)) == (24, 32, 40)
