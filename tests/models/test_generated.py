"""Networks from LLMs' own files: trust, channels, what they end on."""

import py_compile
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
import torch

from llmseg.errors import ConfigError
from llmseg.models.build import build_network
from llmseg.models.generated import Generated, allow

HEAD = "import torch\nfrom torch import nn\n\n"
PLAIN = HEAD + (
    "class Block(nn.Module):\n    def forward(self, x):\n        return x\n\n"
    "class UNet(nn.Module):\n    def __init__(self, n_channels=1, n_classes=1, width=4):\n        super().__init__()\n"
    "        self.one, self.two = nn.Conv2d(n_channels, width, 3, padding=1), nn.Conv2d(width, n_classes, 1)\n"
    "    def forward(self, x):\n        return {END}(self.two(self.one(x).relu()))\n"
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def written(folder: Path, code: str = PLAIN, end: str = "") -> dict[str, Any]:
    """A trusted `model` node of a file with this code."""
    folder.mkdir(exist_ok=True)
    (folder / "model.py").write_text(code.replace("{END}", end))
    node = {"file": str(folder / "model.py"), "in_channels": 2, "out_channels": 1, "trust": True}
    return {**node, "sha256": allow(node)}


def test_foreign_code_runs_only_once_it_is_trusted(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "model.py").write_text(f"open({str(mark)!r}, 'w')\n{PLAIN.replace('{END}', '')}")
    node = {"file": str(tmp_path / "model.py"), "in_channels": 1, "out_channels": 1, "trust": False}
    with pytest.raises(ConfigError, match="outside the sandbox with all your rights"):
        allow(node)
    with pytest.raises(ConfigError, match=r"model\.trust=true"):
        # what a checkpoint from elsewhere claims is not heeded
        build_network({"_target_": "llmseg.models.generated.Generated", **node, "trust": True})
    assert not mark.exists()
    allow({**node, "trust": True})
    assert allow(node)  # remembered
    Generated(**node)
    assert mark.exists()


def test_a_file_that_changed_is_another(tmp_path: Path) -> None:
    node = written(tmp_path / "a")
    (tmp_path / "a" / "blocks.py").write_text("x = 1\n")
    with pytest.raises(ConfigError, match="has changed since the training"):
        Generated(**node)
    with pytest.raises(ConfigError, match=r"model\.trust=true"):
        Generated(**{**node, "sha256": None})


@pytest.mark.parametrize("end", ["", "torch.sigmoid"])
def test_gives_logits_whatever_it_ends_on(end: str, tmp_path: Path) -> None:
    network = Generated(**written(tmp_path / "a", end=end)).eval()
    assert network.output == ("sigmoid" if end else "logits")
    image = torch.randn(2, 2, 16, 16)
    inner = network.net
    expected = inner.two(inner.one(image).relu())  # type: ignore[operator, union-attr]
    torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-3)


def test_softmax_over_exclusive_classes(tmp_path: Path) -> None:
    node = {**written(tmp_path / "a", end="nn.Softmax(dim=1)"), "out_channels": 3}
    network = Generated(**node).eval()
    image = torch.randn(1, 2, 16, 16)
    torch.testing.assert_close(network(image).softmax(dim=1), network.net(image), rtol=1e-4, atol=1e-4)


def test_files_beside_it_are_found_and_forgotten(tmp_path: Path) -> None:
    import sys

    import tests.recipes

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "blocks.py").write_text(PLAIN.replace("{END}", ""))
    code = (
        HEAD
        + "from blocks import UNet as Base\n\nclass Net(Base):\n    def __init__(self, in_channels, out_channels):\n"
    )
    node = written(tmp_path / "a", code + "        super().__init__(in_channels, out_channels)\n")
    assert Generated(**node)(torch.zeros(1, 2, 8, 8)).shape == (1, 1, 8, 8)
    assert "blocks" not in sys.modules
    assert sys.modules["tests.recipes"] is tests.recipes


@pytest.mark.parametrize(
    ("code", "changes", "message"),
    [
        ("x = 1\n", {}, "no class derived from torch.nn.Module"),
        ("import no_such_package\n", {}, "ModuleNotFoundError"),
        (PLAIN, {"network": "Net"}, "no such network in .*; there is Block, UNet"),
        (PLAIN, {"arguments": {"depth": 3}}, "unexpected keyword argument 'depth'"),
        (PLAIN, {"output": "tanh"}, "choose auto, logits, sigmoid, softmax"),
    ],
)
def test_what_is_wrong_is_one_line(code: str, changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Generated(**{**written(tmp_path / "a", code), **changes})
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        allow({"file": str(tmp_path / "model.py"), "trust": True})


def test_two_networks_with_packages_of_one_name_stay_apart(tmp_path: Path) -> None:
    widths = []
    for name, width in (("a", 4), ("b", 32)):
        package = tmp_path / name / "net"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "blocks.py").write_text(f"WIDTH = {width}\n")
        code = "from net.blocks import WIDTH\n" + PLAIN.replace("width=4", "width=WIDTH")
        widths.append(Generated(**written(tmp_path / name, code)).net.one.out_channels)
    assert widths == [4, 32]


def test_bytecode_that_nobody_has_read_is_not_run(tmp_path: Path) -> None:
    node, mark = written(tmp_path / "a"), tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n{PLAIN.replace('{END}', '')}")
    cache = Path(cache_from_source(str(tmp_path / "a" / "model.py")))
    py_compile.compile(
        str(tmp_path / "evil.py"), str(cache), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    Generated(**node)
    assert not mark.exists()
