"""Networks with knowledge: what the text changes, where, and that it survives a checkpoint."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from llmseg.data.preprocessing import Recipe
from llmseg.errors import ConfigError
from llmseg.inference.export import export
from llmseg.inference.predict import channels_last, channels_last_weights, check_input_size
from llmseg.methods.memory import checkpoint_blocks
from llmseg.models import UNet, VNet
from llmseg.models.build import build_network
from llmseg.models.knowledge import CARRIERS, WithKnowledge
from llmseg.models.resnet_vnet import ResNet34VNet

FUSIONS = ["balance", "film", "gate", "cross_attention"]
IDENTITIES = FUSIONS[1:]
IMAGE_CONDITIONED = FUSIONS[2:]
SHAPE = (2, 3, 8)  # classes, descriptors, size of an embedding
Fusion = Any


def vnet() -> VNet:
    torch.manual_seed(0)
    return VNet(in_channels=1, out_channels=3, width=2, has_dropout=False)


def with_knowledge(fusion: str, perturbed: bool = True, **arguments: Any) -> WithKnowledge:
    """A small network, its fusion away from where it starts, with a text."""
    network = WithKnowledge(vnet(), SHAPE, fusion, **arguments).eval()
    network.load_text(text())
    if perturbed:
        for parameter in network.fusion.parameters():
            nn.init.normal_(parameter)
    return network


def text(seed: int = 0) -> Tensor:
    return nn.functional.normalize(torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)), dim=-1)


def features(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(2, 32, *size, generator=torch.Generator().manual_seed(seed))


IMAGE = torch.randn(2, 1, 32, 16, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_another_text_is_another_output(fusion: str) -> None:
    network = with_knowledge(fusion)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.momentum = 1.0  # one pass, and statistics are those of the image
    network.train()(IMAGE)
    first = network.eval()(IMAGE)
    network.load_text(text(1))
    assert first.shape == (2, 3, 32, 16, 48)
    assert (first - network(IMAGE)).abs().max() > 0.01 * first.std()


@pytest.mark.parametrize("fusion", IDENTITIES)
def test_training_starts_from_the_plain_network(fusion: str) -> None:
    network = with_knowledge(fusion, perturbed=False)
    assert torch.equal(network(IMAGE), vnet().eval()(IMAGE))


def test_balance_starts_where_it_is_told() -> None:
    for initial in (0.1, 0.5):
        network = with_knowledge("balance", perturbed=False, options={"initial": initial})
        assert network.fusion.g.sigmoid().item() == pytest.approx(initial)
    assert with_knowledge("balance", perturbed=False).fusion.g.sigmoid().item() == pytest.approx(0.1)


def test_balance_is_its_formula_and_nothing_but_a_scale_and_a_channel_bias() -> None:
    fusion: Fusion = with_knowledge("balance").fusion
    x, other = features(3, 2, 4), features(3, 2, 4, seed=5)
    share = torch.sigmoid(fusion.g)
    bias = share * (fusion.project.weight @ text().mean((0, 1)))
    torch.testing.assert_close(fusion(x, text()), (1 - share) * x + bias[:, None, None, None])
    # two images, everywhere: what it adds beyond the scale is one number a channel
    for values in (x, other):
        added = (fusion(values, text()) - (1 - share) * values).flatten(2)
        torch.testing.assert_close(added, bias[None, :, None].expand_as(added), atol=1e-5, rtol=1e-4)


def test_film_is_a_scale_and_a_bias_of_each_channel() -> None:
    fusion: Fusion = with_knowledge("film").fusion
    gamma, beta = (fusion.project.weight @ text().mean((0, 1))).chunk(2)
    x = features(3, 2, 4)
    expected = x * (1 + gamma)[:, None, None, None] + beta[:, None, None, None]
    torch.testing.assert_close(fusion(x, text()), expected)


def test_gate_is_its_formula() -> None:
    fusion: Fusion = with_knowledge("gate").fusion
    x = features(3, 2, 4)
    scores = fusion.scores(x).softmax(dim=1)
    vectors = [fusion.project.weight @ text()[k].mean(0) for k in range(2)]
    expected = x + sum(scores[:, k + 1 : k + 2] * vectors[k][:, None, None, None] for k in range(2))
    torch.testing.assert_close(fusion(x, text()), expected, atol=1e-5, rtol=1e-4)


def test_cross_attention_is_torchs() -> None:
    fusion: Fusion = with_knowledge("cross_attention").fusion
    x = features(3, 2, 4)
    reference = nn.MultiheadAttention(64, 4, bias=False, batch_first=True)
    identity = torch.eye(64)
    reference.in_proj_weight.data = torch.cat([identity] * 3)
    reference.out_proj.weight.data = identity
    tokens = text().flatten(0, 1)
    tokens = (tokens - tokens.mean(-1, keepdim=True)) / (tokens.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    key, value = (tokens @ fusion.key_value.weight.T).chunk(2, dim=-1)
    query = fusion.query(fusion.norm(x.flatten(2).transpose(1, 2)))
    mixed, _ = reference(query, key.expand(2, -1, -1), value.expand(2, -1, -1))
    expected = x + (mixed @ fusion.out.weight.T).transpose(1, 2).unflatten(2, (3, 2, 4))
    torch.testing.assert_close(fusion(x, text()), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_only_image_conditioned_fusions_differ_from_voxel_to_voxel(fusion: str) -> None:
    """How a text's effect varies over the voxels, beyond a scale and a bias of each channel."""
    module: Fusion = with_knowledge(fusion).fusion
    x = features(3, 2, 4)
    effect = (module(x, text()) - module(x, text(1))).flatten(2)
    values = x.flatten(2)
    left = []
    for sample, channel in ((n, c) for n in range(2) for c in range(32)):
        line = torch.stack([values[sample, channel], torch.ones(24)], dim=1)
        fitted = line @ torch.linalg.lstsq(line, effect[sample, channel][:, None]).solution
        left.append((effect[sample, channel] - fitted[:, 0]).abs().max().item())
    assert (max(left) > 1e-2) is (fusion in IMAGE_CONDITIONED)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 3), (7, 7, 5)])
def test_any_size_in_any_layout(fusion: str, size: tuple[int, int, int]) -> None:
    module: Fusion = with_knowledge(fusion).fusion
    x = features(*size)
    plain = module(x, text())
    assert plain.shape == x.shape
    torch.testing.assert_close(module(channels_last(x), text()), plain, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_it_keeps_the_layout_that_convolutions_are_fastest_in(fusion: str) -> None:
    module = channels_last_weights(with_knowledge(fusion).fusion)
    out = module(channels_last(features(4, 3, 2)), text())
    assert out.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_under_autocast_features_stay_in_its_type(fusion: str) -> None:
    network = with_knowledge(fusion, perturbed=False)
    x = features(2, 1, 3)
    with torch.autocast("cpu", torch.bfloat16):
        half = network.fusion(x.bfloat16(), network.text)
        assert network(IMAGE).dtype == torch.bfloat16
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), network.fusion(x, network.text), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_reach_the_fusion_and_a_learned_text(fusion: str, learned: bool) -> None:
    network = with_knowledge(fusion, learned=learned).train()
    network(IMAGE).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
    for name, parameter in network.fusion.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert ("text" in dict(network.named_parameters())) is learned
    assert ("text" in dict(network.named_buffers())) is not learned
    if learned:
        assert network.text.grad is not None
        assert network.text.grad.abs().sum() > 0


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_step_moves_a_learned_text_only(fusion: str) -> None:
    for learned in (False, True):
        network = with_knowledge(fusion, learned=learned).train()
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        network(IMAGE).square().mean().backward()
        optimizer.step()
        assert torch.equal(network.text, text()) is not learned


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("target", ["llmseg.models.VNet", "llmseg.models.resnet_vnet.ResNet34VNet"])
def test_a_checkpoint_brings_the_text_back(target: str, fusion: str) -> None:
    inner = {"_target_": target, "in_channels": 1, "out_channels": 2, "width": 2, "spatial_dims": 3}
    options = {"width": 6, "heads": 3} if fusion == "cross_attention" else {}
    node = {
        "_target_": "llmseg.models.knowledge.WithKnowledge",
        "net": inner,
        "text_shape": list(SHAPE),
        "fusion": fusion,
        "options": options,
    }
    network, again = build_network(node), build_network(node)
    assert isinstance(network, WithKnowledge)
    network.load_text(text())
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(network.eval()(IMAGE), again.eval()(IMAGE))
    assert check_input_size(network, 1, (32, 16, 16)).shape == (2, 2, 32, 16, 16)


def test_it_offers_what_it_needs_itself() -> None:
    network = with_knowledge("balance")
    encoded = network.encode(IMAGE)
    assert network.deepest_channels == encoded[-1].shape[1] == 32
    assert torch.equal(network.decode(encoded), network(IMAGE))
    plain = network.net.encode(IMAGE)
    assert [torch.equal(one, two) for one, two in zip(encoded, plain, strict=True)] == [True] * 4 + [False]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradient_checkpointing_leaves_the_gradients_as_they_are(fusion: str) -> None:
    expected, network = (with_knowledge(fusion).train() for _ in range(2))
    network.load_state_dict(expected.state_dict())
    checkpoint_blocks(network)
    for each in (expected, network):
        each(IMAGE).square().mean().backward()
    for one, two in zip(expected.parameters(), network.parameters(), strict=True):
        assert torch.equal(one.grad, two.grad)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
def test_it_can_be_exported_for_any_size_and_batch(fusion: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    network = with_knowledge(fusion)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.momentum = 1.0  # with the statistics of no image the logits are rounding errors
    network.train()(IMAGE)
    recipe = Recipe(("a", "b"), False, "RAS", None, "minmax", None, False, 2, None)
    done = export(network, recipe, ["one"], (32, 32, 32), tmp_path / "model")
    assert (done.dynamic_size, done.dynamic_batch, done.note) == (True, True, None)


def test_fusions_are_small_beside_the_network() -> None:
    with torch.device("meta"):
        net = VNet(in_channels=1, out_channels=2)
        sizes = {
            fusion: sum(p.numel() for p in WithKnowledge(net, (1, 6, 384), fusion).fusion.parameters())
            for fusion in FUSIONS
        }
    assert sizes == {
        "balance": 384 * 256 + 1,
        "film": 384 * 512,
        "gate": 256 * 64 + 64 + 64 * 2 + 2 + 384 * 256,
        "cross_attention": 2 * 256 + 256 * 64 + 64 + 384 * 128 + 64 * 256,
    }


def test_a_network_without_a_bottleneck_is_refused_with_the_choices() -> None:
    node = {"_target_": "llmseg.models.UNet", "in_channels": 1, "out_channels": 1}
    with pytest.raises(ConfigError, match="model: UNet cannot carry knowledge: choose vnet, resnet34_vnet") as error:
        build_network({"_target_": "llmseg.models.knowledge.WithKnowledge", "net": node, "text_shape": [1, 1, 8]})
    assert "\n" not in str(error.value)
    for network in (VNet, ResNet34VNet):
        WithKnowledge(network(in_channels=1, out_channels=1, width=1), SHAPE)
    assert len(CARRIERS) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fusion": "blend"}, "fusion=blend: choose from balance, film, gate, cross_attention"),
        ({"text_shape": [1, 8]}, "text_shape=.* give classes, descriptors"),
        ({"text_shape": [1, 0, 8]}, "text_shape"),
        ({"options": {"initial": 1.0}}, "initial=1: must be above 0 and below 1"),
        ({"options": {"head": 3}}, "fusion=balance: .*'head'"),
        ({"fusion": "cross_attention", "options": {"heads": 5}}, "width=64: must be a multiple of heads=5"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WithKnowledge(**{"net": vnet(), "text_shape": SHAPE, **arguments})


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.zeros(2, 3, 9), r"shape \[2, 3, 9\]: the network takes \[2, 3, 8\]"),
        (torch.full(SHAPE, torch.nan), "NaN"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(vectors: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_knowledge("balance").load_text(vectors)


def test_nested_networks_are_networks_too() -> None:
    outer = {"_target_": "llmseg.models.knowledge.WithKnowledge", "text_shape": [1, 1, 8]}
    with pytest.raises(ConfigError, match=r"model\.net\._target_=os\.mkdir is no network"):
        build_network({**outer, "net": {"_target_": "os.mkdir", "path": "harm"}})
    with pytest.raises(ConfigError, match=r"model\.net: .*wdith"):
        build_network({**outer, "net": {"_target_": "llmseg.models.VNet", "wdith": 1}})
    with pytest.raises(ConfigError, match="cannot carry knowledge"):
        build_network({**outer, "net": 3})
    assert not hasattr(UNet, "encode")
