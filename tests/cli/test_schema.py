"""Static signatures against Python's own, read from the imported target."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from llmseg.cli.hints import hint
from llmseg.cli.schema import signature
from llmseg.errors import ConfigError

TARGETS = [
    "torch.optim.Adam",
    "torch.optim.SGD",
    "torch.optim.lr_scheduler.CosineAnnealingLR",
    "torch.nn.Conv2d",
    "torch.nn.init.xavier_uniform_",
    "pytorch_lightning.Trainer",
    "pytorch_lightning.callbacks.ModelCheckpoint",
    "pytorch_lightning.callbacks.RichProgressBar",
    "monai.losses.TverskyLoss",
    "monai.networks.nets.UNet",
    "monai.networks.nets.Unet",
    "nilearn.datasets.load_mni152_template",
    "llmseg.data.config.DataConfig",
    "llmseg.data.cases.Case",
]


@pytest.mark.parametrize("target", TARGETS)
def test_equals_inspect(target: str) -> None:
    module, _, name = target.rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), name)).parameters
    found = signature(target)
    assert found is not None
    assert found.names == {p.name for p in parameters.values() if p.kind is not p.VAR_KEYWORD}
    assert not found.is_open


@pytest.mark.parametrize("target", ["pytorch_lightning.strategies.DDPStrategy", "segmentation_models_pytorch.Unet"])
def test_unforwarded_keywords_are_open(target: str) -> None:
    found = signature(target)
    assert found is not None
    assert found.is_open


@pytest.mark.parametrize("target", ["math.sqrt", "datetime.date.today", "llmseg.data.config", "os.path.join"])
def test_unreadable_is_unknown(target: str) -> None:
    assert signature(target) is None


@pytest.mark.parametrize(
    ("target", "nearest"),
    [
        ("torch.optim.Addam", "torch.optim.Adam"),
        ("pytorch_lightning.Trainr", "pytorch_lightning.Trainer"),
        ("llmseg.data.confg.DataConfig", "llmseg.data.config"),
        ("llmseg.data.config.DataConfg", "llmseg.data.config.DataConfig"),
    ],
)
def test_missing_name(target: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"does not exist, did you mean {nearest}\?$"):
        signature(target)


def test_missing_package() -> None:
    with pytest.raises(ConfigError, match="no module named no_such_package is installed"):
        signature("no_such_package.Thing")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A package whose import fails: nothing may import it."""
    name = re.sub(r"\W", "_", request.node.name)  # one a test: what was read is remembered
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("from .a import *\nfrom .b import Child as Renamed\nraise RuntimeError\n")
    (folder / "a.py").write_text(
        "from dataclasses import dataclass, field\nfrom typing import ClassVar\n"
        "class Base:\n    def __init__(self, x, *, y=1): ...\n"
        "@dataclass\nclass Facts:\n    a: int\n    b: list = field(default_factory=list)\n"
        "    c: ClassVar[int] = 0\n    d: int = field(init=False, default=1)\n"
        "@dataclass\nclass More(Facts):\n    e: int = 0\n"
        "class Inherits(Base):\n    pass\n"
        "def function(p, /, q, *args, r=0): ...\n"
    )
    (folder / "b.py").write_text(
        "from . import a\n"
        "class Child(a.Base):\n    def __init__(self, z, **kwargs):\n        super().__init__(y=2, **kwargs)\n"
        "class Open(a.Base):\n    def __init__(self, z, **kwargs):\n        self.rest = kwargs\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.parametrize(
    ("target", "names", "is_open"),
    [
        ("Base", {"x", "y"}, False),
        ("Inherits", {"x", "y"}, False),
        ("Facts", {"a", "b"}, False),
        ("More", {"a", "b", "e"}, False),
        ("function", {"q", "r"}, False),
        ("Renamed", {"z", "x"}, False),  # y is given by Child itself
        ("b.Open", {"z"}, True),
    ],
)
def test_forms(package: str, target: str, names: set[str], is_open: bool) -> None:
    found = signature(f"{package}.{target}")
    assert found is not None
    assert set(found.names) == names
    assert found.is_open is is_open


def test_hint() -> None:
    assert hint("gpt4oo", ["gpt4", "gpt4o", "unet"]) == ", did you mean gpt4o?"
    assert hint("adamw", ["AdamW"], prefix="torch.optim.") == ", did you mean torch.optim.AdamW?"
    assert hint("xyz", ["b", "a"]) == "; there is a, b"
    assert hint("xyz", []) == ""
