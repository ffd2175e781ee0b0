"""From a `model` node of a configuration to a network, without Hydra."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import nn

from llmseg.errors import ConfigError


def build_network(node: Mapping[str, Any], key: str = "model") -> nn.Module:
    """Build the network that a resolved `model` node describes.

    Args:
        node: `_target_`, the dotted name of an nn.Module class, and its arguments as plain containers. An argument that
            has a `_target_` is a network itself, and is built first.
        key: of the node, for messages.

    Raises:
        ConfigError: no such class, something that is no network, or arguments that it refuses.
    """
    return _build(node, key)


def _build(node: Mapping[str, Any], key: str) -> nn.Module:
    arguments = dict(node)
    target = str(arguments.pop("_target_", ""))
    module, _, name = target.rpartition(".")
    try:
        network = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{key}._target_={target}: no such class ({error})") from error
    # a saved configuration may come from somebody else: nothing but networks is ever called
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        raise ConfigError(f"{key}._target_={target} is no network (a class derived from torch.nn.Module)")
    for argument, value in arguments.items():
        if isinstance(value, Mapping) and "_target_" in value:
            arguments[argument] = _build(value, f"{key}.{argument}")
    try:
        return network(**arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"{key}: {' '.join(str(error).split())}") from error
