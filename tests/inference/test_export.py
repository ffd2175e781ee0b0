"""ONNX export: the same logits, and a script without PyTorch that gives the same masks."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from llmseg.data.cases import Case
from llmseg.data.preprocessing import Recipe, prepare
from llmseg.data.scan import load_scan
from llmseg.errors import UserError
from llmseg.inference import export as module
from llmseg.inference import infer_onnx
from llmseg.inference.export import FILES, Exported, export
from llmseg.inference.predictor import Predictor
from llmseg.models import UNet, VNet
from tests.data.make import write_scan

RECIPE = Recipe(("one", "two"), False, "RAS", None, "zscore", None, True, 2, None)
# oblique, anisotropic, its axes in the order L I A
AFFINE = nib.affines.from_matvec(
    np.array([[-0.9, 0.1, 0.2], [0.1, 0.05, 1.6], [0.05, -2.4, 0.15]]), np.array([40.0, -30.0, 12.0])
)


def network(dims: int, channels: int = 1, logits: int = 3, **options: Any) -> nn.Module:
    """A narrow network with weights that matter."""
    torch.manual_seed(dims)
    options = {"width": 4, "depth": 2} | options
    net = UNet(in_channels=channels, out_channels=logits, spatial_dims=dims, **options)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(layer.weight, 1, 2)
    return balanced(net.eval(), torch.randn(2, channels, *[32] * dims))


def balanced(net: Any, image: Tensor) -> nn.Module:
    """Scale the head's logits to mean 0 and deviation 1, so that every class occurs."""
    with torch.no_grad():
        logits = net(image).transpose(0, 1).flatten(1)
        net.head.weight /= logits.std(1).reshape(-1, *[1] * (image.dim() - 1))
        net.head.bias[...] = (net.head.bias - logits.mean(1)) / logits.std(1)
    return net


def scan(folder: Path, channels: int = 1, shape: tuple[int, ...] = (30, 17, 26)) -> Case:
    """A case with an empty border, on an oblique and anisotropic grid."""
    files = []
    for channel in range(channels):
        voxels = np.zeros(shape, np.float32)
        inside = voxels[3:-2, 2:-4, 1:-3]
        inside[...] = np.random.default_rng(channel).gamma(2, 100, inside.shape)
        files.append(write_scan(folder / f"scan_{channel:04d}.nii.gz", voxels, AFFINE))
    return Case("scan", tuple(files), None, "scan")


def ours(case: Case, net: nn.Module, recipe: Recipe, size: tuple[int, ...]) -> np.ndarray:
    return Predictor(net, recipe, size).segment(prepare(load_scan(case), None, recipe))


def theirs(case: Case, folder: Path, **changes: Any) -> np.ndarray:
    facts = json.loads((folder / "preprocessing.json").read_text()) | changes
    image, reference = infer_onnx.read(list(case.images), facts["channels"])
    return infer_onnx.segment(image, reference.affine, facts, infer_onnx.session(folder / "model.onnx"))


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[nn.Module, Exported]]:
    """One narrow network a dimension, exported once."""
    made = {}
    for dims, size in ((2, (32, 40)), (3, (16, 16, 16))):
        net = network(dims)
        recipe = replace(RECIPE, image_size=size if dims == 2 else None)
        made[dims] = net, export(net, recipe, ["t1"], size, tmp_path_factory.mktemp(f"export{dims}") / "model")
    return made


RECIPES = [
    {},
    {"slice_axis": 0, "orientation": "LPI"},
    {"spacing": (1.3, 1.3, 1.9), "intensity": "minmax"},
    {"spacing": (0.7, 2.5, 0.8), "intensity": "window", "window": (50.0, 400.0), "crop_foreground": False},
    {"orientation": None, "slice_axis": 1},
]


@pytest.mark.parametrize("changes", RECIPES)
@pytest.mark.parametrize("dims", [2, 3])
def test_the_script_gives_the_same_mask(
    dims: int, changes: dict[str, Any], exports: dict[int, tuple[nn.Module, Exported]], tmp_path: Path
) -> None:
    net, exported = exports[dims]
    size = (32, 40) if dims == 2 else (16, 16, 16)
    recipe = replace(RECIPE, image_size=size if dims == 2 else None, **changes)
    case = scan(tmp_path)
    mask = ours(case, net, recipe, size)
    assert len(np.unique(mask)) > 1
    np.testing.assert_array_equal(theirs(case, exported.folder, **changes), mask)


@pytest.mark.parametrize("dims", [2, 3])
def test_size_and_batch_are_free_and_the_file_names_nothing_of_this_machine(
    dims: int, exports: dict[int, tuple[nn.Module, Exported]]
) -> None:
    _, exported = exports[dims]
    assert exported.dynamic_size
    assert exported.dynamic_batch
    assert exported.note is None
    assert exported.difference < 1e-5
    assert {file.name for file in exported.folder.iterdir()} == set(FILES)
    onnx.checker.check_model(str(exported.folder / "model.onnx"))
    content = (exported.folder / "model.onnx").read_bytes()
    assert str(Path(module.__file__).parents[3]).encode() not in content
    assert b".py" not in content


def test_regions_that_overlap_and_several_channels(tmp_path: Path) -> None:
    size = (24, 16, 16)
    recipe = replace(RECIPE, overlapping=True, spacing=(1.0, 2.0, 2.0))
    net = network(3, channels=2, logits=2)
    export(net, recipe, ["t1", "t2"], size, tmp_path / "model", overlap=0.25)
    case = scan(tmp_path, channels=2, shape=(41, 15, 22))
    mask = Predictor(net, recipe, size, overlap=0.25).segment(prepare(load_scan(case), None, recipe))
    assert mask.shape[0] == 2
    np.testing.assert_array_equal(theirs(case, tmp_path / "model"), mask)


@pytest.mark.slow
def test_a_network_that_ends_on_a_smaller_grid(tmp_path: Path) -> None:
    net = network(2, skip_source="top_left_crop", pools=3)
    assert net(torch.zeros(1, 1, 32, 32)).shape[2:] == (16, 16)
    recipe = replace(RECIPE, image_size=(32, 32))
    export(net, recipe, ["t1"], (32, 32), tmp_path / "model")
    case = scan(tmp_path)
    np.testing.assert_array_equal(theirs(case, tmp_path / "model"), ours(case, net, recipe, (32, 32)))


@pytest.mark.slow
def test_vnet_on_a_volume_smaller_and_larger_than_its_window(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = balanced(VNet(in_channels=1, out_channels=1, width=2).eval(), torch.randn(1, 1, 32, 32, 32))
    recipe = replace(RECIPE, classes=("one",))
    exported = export(net, recipe, ["ct"], (32, 32, 16), tmp_path / "model")
    assert exported.dynamic_size
    facts = json.loads((exported.folder / "preprocessing.json").read_text())
    assert (facts["activation"], facts["label_values"]) == ("sigmoid", {"one": 1})
    case = scan(tmp_path, shape=(20, 21, 22))
    np.testing.assert_array_equal(theirs(case, exported.folder), ours(case, net, recipe, (32, 32, 16)))


class _Fixed(nn.Module):
    """Weights for every pixel of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(1, 1, 16, 16))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x * 0.5, x - self.place, self.place + 0.1 * x], dim=1)


class _Single(nn.Module):
    """For one image at a time."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) != 1:
            raise ValueError("one\nat a time")
        return torch.cat([x, -x, x - 1], dim=1)


@pytest.mark.parametrize(("net", "batch"), [(_Fixed(), True), (_Single(), False)])
def test_what_cannot_be_free_is_fixed_and_said(net: nn.Module, batch: bool, tmp_path: Path) -> None:
    recipe = replace(RECIPE, image_size=(16, 16))
    exported = export(net, recipe, ["t1"], (16, 16), tmp_path / "model")
    assert not exported.dynamic_size
    assert exported.dynamic_batch == batch
    assert exported.note
    assert "\n" not in exported.note
    assert str(tmp_path) not in exported.note
    session = infer_onnx.session(tmp_path / "model" / "model.onnx")
    assert session.get_inputs()[0].shape[1:] == [1, 16, 16]
    case = scan(tmp_path)
    stack = torch.from_numpy(prepare(load_scan(case), None, recipe).image)
    with torch.no_grad():
        expected = torch.cat([net(part) for part in stack.split(1)])
    facts = {"dynamic_batch": exported.dynamic_batch}
    torch.testing.assert_close(torch.from_numpy(infer_onnx.run(stack.numpy(), facts, session)), expected)


def test_a_file_that_computes_something_else_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, *arguments: Any) -> list[np.ndarray]:
            return [each + 0.01 for each in super().run(*arguments)]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Wrong)
    with pytest.raises(UserError, match=r"cannot be exported to ONNX: .* differ by"):
        export(_Fixed(), replace(RECIPE, image_size=(16, 16)), ["t1"], (16, 16), tmp_path / "new" / "model")
    assert not (tmp_path / "new" / "model").exists()


def test_a_network_that_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if torch.compiler.is_compiling() or torch.jit.is_tracing():
                raise ValueError("not\nso")
            return x

    with pytest.raises(UserError, match="cannot be exported to ONNX") as caught:
        export(Odd(), RECIPE, ["t1"], (16, 16), tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_a_network_whose_weights_have_exploded_is_one_line(tmp_path: Path) -> None:
    net = network(2)
    net.head.bias.data.fill_(torch.nan)  # type: ignore[union-attr, operator]
    with pytest.raises(UserError, match="the network's own output is not finite"):
        export(net, replace(RECIPE, image_size=(32, 32)), ["t1"], (32, 32), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(UserError, match=r"onnx cannot be imported: pip install"):
        export(_Fixed(), RECIPE, ["t1"], (16, 16), tmp_path / "model")


@pytest.mark.parametrize(
    ("voxels", "affine", "said"),
    [
        (np.full((30, 17, 26), np.nan, np.float32), AFFINE, "NaN or infinite"),
        (np.full((30, 17, 26), 4, np.int16), AFFINE, "every voxel is 4, a constant image"),
        (np.ones((30, 17, 25), np.float32), AFFINE, "not a 3D scan on the grid of"),
        (np.ones((30, 17, 26), np.float32), AFFINE + np.diag([0, 0, 0.1, 0]), "not a 3D scan on the grid of"),
    ],
)
def test_the_script_refuses_scans_that_do_not_fit(
    voxels: np.ndarray, affine: np.ndarray, said: str, tmp_path: Path
) -> None:
    second = write_scan(tmp_path / "second.nii.gz", voxels, affine)
    with pytest.raises(SystemExit, match=said) as caught:
        infer_onnx.read([*scan(tmp_path).images, second], ["t1", "t2"])
    assert str(caught.value).startswith(f"error: {second}: ")


def test_the_script_imports_nothing_else() -> None:
    imported = set()
    for node in ast.walk(ast.parse(Path(infer_onnx.__file__).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    standard = {"argparse", "itertools", "json", "math", "pathlib", "re", "sys", "typing"}
    assert imported - standard == {"numpy", "nibabel", "onnxruntime"}
