"""A network that an LLM wrote, from its own file, under our training.

The file is foreign code. It runs in this process only after somebody has said `model.trust=true` on this machine: that
is remembered by the hash of the files, so evaluating, resuming and predicting need not ask again, and a checkpoint from
elsewhere that claims to be trusted is not.
"""

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from llmseg.errors import ConfigError

_IN = ("in_channels", "n_channels", "in_ch", "input_channels", "num_channels", "channels_in", "in_chans", "channels")
_OUT = ("out_channels", "n_classes", "num_classes", "out_ch", "output_channels", "classes", "out_classes", "num_class")
_OUTPUTS = ("logits", "sigmoid", "softmax")
_TINY = 1e-6


class Generated(nn.Module):
    """An LLM's network as it was generated; gives logits, whatever it ends on.

    Args:
        file: the module's Python file; it may import files beside it.
        in_channels: of the image.
        out_channels: of the logits.
        spatial_dims: of the image.
        network: name of the class; None: the U-Net in the file, or else the last network.
        arguments: of the class, beside the numbers of channels.
        output: logits, sigmoid, softmax, or auto (seen from the values that it gives).
        trust: not heeded here, see `allow`.
        sha256: of the trusted files; None: of any that are trusted.
        repaired: nothing is repaired, True changes nothing.

    Raises:
        ConfigError: not trusted, changed since, no network in it, or one that cannot be built.
    """

    def __init__(
        self,
        file: str,
        in_channels: int,
        out_channels: int,
        spatial_dims: int = 2,
        network: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        output: str = "auto",
        trust: bool = False,
        sha256: str | None = None,
        repaired: bool = False,
    ) -> None:
        super().__init__()
        path = Path(file).expanduser()
        found = fingerprint(path)
        if sha256 is not None and found != sha256:
            raise ConfigError(f"model.file={file}: the file, or one beside it, has changed since the training")
        if found not in _trusted():
            raise ConfigError(refusal(file))
        module = _load(path, found)
        self.net = _build(_network(module, network, file), in_channels, out_channels, arguments or {}, file)
        self.spatial_dims = spatial_dims
        if output not in ("auto", *_OUTPUTS):
            raise ConfigError(f"model.output={output}: choose auto, {', '.join(_OUTPUTS)}")
        self.output = _gives(self.net, in_channels, spatial_dims) if output == "auto" else output

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, *spatial) to logits (N, K, *its own spatial)."""
        values: Tensor = self.net(image)
        if self.output == "logits":
            return values
        values = values.float().clamp(_TINY, 1 - _TINY)
        return values.logit() if self.output == "sigmoid" else values.log()


def refusal(file: str) -> str:
    """What is said of a file that is not trusted."""
    return (
        f"model.file={file}: an LLM wrote it, and it would run outside the sandbox with all your rights: read it, then "
        "say model.trust=true to train.py"
    )


def allow(node: Mapping[str, Any]) -> str:
    """Trust the file of a `model` node from now on, if the user says so or did before.

    Returns:
        The hash of the files.

    Raises:
        ConfigError: the user does not say so, or there is no such file.
    """
    found = fingerprint(Path(str(node["file"])).expanduser())
    if found not in _trusted():
        if not node["trust"]:
            raise ConfigError(refusal(str(node["file"])))
        store = _store()
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with store.open("a") as file:
            file.write(f"{found}\n")
    return found


def fingerprint(path: Path) -> str:
    """Hash of a Python file and of those beside it, which it may import.

    Raises:
        ConfigError: no such file.
    """
    if not path.is_file():
        raise ConfigError(f"model.file={path}: no such file; give the model.py of a study's round")
    digest = sha256(path.name.encode())
    for file in sorted(file for file in path.parent.rglob("*") if _is_module(file)):
        digest.update(file.relative_to(path.parent).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_module(file: Path) -> bool:
    """Whether Python could import a file; __pycache__ is not looked into, see `_beside`."""
    return file.name.endswith(tuple(all_suffixes())) and "__pycache__" not in file.parts and file.is_file()


def _store() -> Path:
    parent = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(parent) / "llmseg" / "trusted"


def _trusted() -> set[str]:
    store = _store()
    return set(store.read_text().split()) if store.is_file() else set()


def _load(path: Path, name: str) -> ModuleType:
    """Run the file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"llmseg_generated_{name[:12]}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with _beside(path.parent):
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ConfigError(f"model.file={path}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    return module


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let a module import files beside it, from their text alone, and forget these names again."""
    before, cache = dict(sys.modules), (sys.pycache_prefix, sys.dont_write_bytecode)
    beside = {path.name.partition(".")[0] for path in folder.iterdir()}

    def names() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] in beside]

    for name in names():
        del sys.modules[name]
    sys.pycache_prefix, sys.dont_write_bytecode = os.devnull, True  # nobody has read or hashed what lies in __pycache__
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.pycache_prefix, sys.dont_write_bytecode = cache
        for name in names():
            del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if name.partition(".")[0] in beside})


def _network(module: ModuleType, wanted: str | None, file: str) -> type[nn.Module]:
    classes = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    }
    if wanted is not None:
        if wanted not in classes:
            known = ", ".join(classes) or "none"
            raise ConfigError(f"model.network={wanted}: no such network in {file}; there is {known}")
        return classes[wanted]
    if not classes:
        raise ConfigError(f"model.file={file}: no class derived from torch.nn.Module in it")
    unets = [name for name in classes if "unet" in name.lower().replace("_", "")]
    return classes[(unets or list(classes))[-1]]


def _build(
    network: type[nn.Module], in_channels: int, out_channels: int, arguments: Mapping[str, Any], file: str
) -> nn.Module:
    """Call the class, with the numbers of channels under the names that it has for them."""
    parameters = inspect.signature(network).parameters
    channels: dict[str, Any] = {}
    for names, number in ((_IN, in_channels), (_OUT, out_channels)):
        if name := next((name for name in names if name in parameters and name not in arguments), None):
            channels[name] = number
    try:
        return network(**{**channels, **arguments})
    except Exception as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ConfigError(f"model.arguments: {network.__name__} of {file} cannot be built ({text})") from error


def _gives(net: nn.Module, in_channels: int, spatial_dims: int) -> str:
    """What a network ends on: values that stay between 0 and 1 even for huge inputs are no logits."""
    was_training, state = net.training, torch.get_rng_state()
    image = 1000 * torch.randn(1, in_channels, *[64] * spatial_dims, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            values: Tensor = net.eval()(image)
            if not bool(((values >= 0) & (values <= 1)).all()):
                return "logits"
            is_shared = values.shape[1] > 1 and bool((values.sum(dim=1) - 1).abs().max() < 1e-3)
            return "softmax" if is_shared else "sigmoid"
    except (RuntimeError, TypeError, AttributeError):
        return "logits"  # what is wrong is told where the network is checked
    finally:
        net.train(was_training)
        torch.set_rng_state(state)
