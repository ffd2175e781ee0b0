"""Networks of other libraries: built by their configuration, right shape, saved and read, mistakes in one line."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from llmseg.cli.entry import register_resolvers
from llmseg.cli.schema import signature
from llmseg.errors import ConfigError
from llmseg.inference.predict import check_input_size
from llmseg.models.build import build_network

CONF = Path(__file__).parents[2] / "conf" / "model"
NARROW: dict[str, dict[str, Any]] = {
    "smp": {"encoder": "mobilenet_v2"},
    "monai_unet": {"channels": [8, 16, 32], "strides": [2, 2]},
    "segresnet": {"init_filters": 8},
    "swin_unetr": {"feature_size": 12},
    "dynunet": {"kernel_size": [3] * 3, "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [8, 8, 16]},
    "unetr": {"feature_size": 8, "hidden_size": 48, "mlp_dim": 64, "num_heads": 4},
}
BOTH = [(name, dims) for name in NARROW for dims in (2, 3) if (name, dims) != ("smp", 3)]


def node(name: str, dims: int, narrow: bool = True, size: int = 64, **changes: Any) -> dict[str, Any]:
    """The resolved `model` node for two channels, three exclusive classes (four logits) and that input size."""
    register_resolvers()
    data = {"channels": 2, "classes": ["a", "b", "c"], "overlapping": False}
    data |= {"image_size": size, "patch_size": [size] * 3}
    cfg = OmegaConf.create({"data": data, "model": OmegaConf.load(CONF / f"{name}.yaml")})
    cfg.model.spatial_dims = dims
    for key, value in ((NARROW[name] if narrow else {}) | changes).items():
        cfg.model[key] = value
    content = OmegaConf.to_container(cfg.model, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def test_every_configuration_of_another_library_is_tested() -> None:
    ours = {file.stem for file in CONF.glob("*.yaml") if "_target_: llmseg.models.UNet" in file.read_text()}
    assert {file.stem for file in CONF.glob("*.yaml")} - ours - {"vnet", "resnet34_vnet", "generated"} == set(NARROW)


@pytest.mark.parametrize(("name", "dims"), BOTH)
def test_as_configured_logits_lie_on_the_images_grid(name: str, dims: int) -> None:
    size = 64 if name in ("swin_unetr", "unetr") else 32
    with torch.device("cpu" if name == "swin_unetr" else "meta"):  # it needs values while it is built
        network = build_network(node(name, dims, narrow=False, size=size))
    assert check_input_size(network, 2, [size] * dims).shape == (2, 4, *[size] * dims)


@pytest.mark.parametrize(("name", "dims"), [each for each in BOTH if each != ("swin_unetr", 3)])
def test_gradients_reach_every_weight_and_a_saved_network_is_the_same(name: str, dims: int) -> None:
    torch.manual_seed(0)
    size = 64 if name == "swin_unetr" else 32
    description = node(name, dims, size=size)
    network = build_network(description)
    image = torch.randn(2, 2, *[size] * dims)
    logits = network(image)
    assert logits.shape == (2, 4, *[size] * dims)
    assert logits.isfinite().all()
    logits.square().sum().backward()
    # distributed training fails on weights without a gradient
    assert all(weight.grad is not None for weight in network.parameters() if weight.requires_grad)

    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    buffer.seek(0)
    torch.manual_seed(1)
    again = build_network(description)
    again.load_state_dict(torch.load(buffer, weights_only=True))
    with torch.no_grad():
        assert torch.equal(again.eval()(image), network.eval()(image))


@pytest.mark.parametrize("arch", ["unet", "unetplusplus", "manet", "linknet", "fpn", "deeplabv3plus", "segformer"])
def test_smp_architectures(arch: str) -> None:
    network = build_network(node("smp", 2, arch=arch, encoder="resnet18"))
    output = check_input_size(network, 2, [64, 64])
    assert output.shape == (2, 4, 64, 64)


def test_smp_is_the_librarys_network() -> None:
    import segmentation_models_pytorch as smp

    ours = build_network(node("smp", 2, encoder="resnet18", options={"decoder_channels": [32, 16, 8, 8, 8]}))
    theirs: nn.Module = smp.Unet(
        "resnet18", encoder_weights=None, decoder_channels=[32, 16, 8, 8, 8], in_channels=2, classes=4
    )
    theirs.load_state_dict({key.removeprefix("net."): value for key, value in ours.state_dict().items()})
    image = torch.randn(1, 2, 32, 32)
    with torch.no_grad():
        assert torch.equal(ours.eval()(image), theirs.eval()(image))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arch": "unetplusplu"}, "did you mean unetplusplus?"),
        ({"arch": "vnet3000x"}, "choose from"),
        ({"encoder": "resnet43"}, "did you mean resnet34?"),
        ({"encoder": "tu-no_such_encoder"}, "no_such_encoder"),
        ({"encoder_weights": "imagnet"}, "imagnet"),
        ({"options": {"decoder_chanels": [1]}}, "did you mean decoder_channels?"),
        ({"options": {"activation": "sigmoid"}}, "option=activation"),
        ({"spatial_dims": 3}, "spatial_dims must be 2"),
    ],
)
def test_smp_mistakes_are_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_network(node("smp", 2) | changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "dims", "size"),
    [("monai_unet", 3, 30), ("swin_unetr", 2, 48), ("dynunet", 3, 33), ("segresnet", 2, 36)],
)
def test_sizes_that_do_not_fit_are_refused_before_training(name: str, dims: int, size: int) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        check_input_size(build_network(node(name, dims, size=size)), 2, [size] * dims)
    assert not isinstance(caught.value, ConfigError)


def test_unetr_is_built_for_its_own_input_size() -> None:
    assert node("unetr", 2)["img_size"] == [64, 64]
    assert node("unetr", 3)["img_size"] == [64, 64, 64]
    with pytest.raises(ConfigError, match="50 x 50 does not fit"):
        build_network(node("unetr", 2, size=50))


@pytest.mark.parametrize("name", NARROW)
def test_the_static_check_knows_their_arguments(name: str) -> None:
    target = OmegaConf.load(CONF / f"{name}.yaml")
    found = signature(str(target._target_))  # type: ignore[union-attr]
    assert found is not None
    assert not found.is_open
    assert {str(key) for key in target} - {"_target_"} <= found.names
