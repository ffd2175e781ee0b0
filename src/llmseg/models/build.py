"""From a `model` node of a configuration to a network, without Hydra."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import nn

from llmseg.errors import ConfigError


def build_network(node: Mapping[str, Any]) -> nn.Module:
    """Build the network that a resolved `model` node describes.

    Args:
        node: `_target_`, the dotted name of an nn.Module class, and its arguments as plain containers.

    Raises:
        ConfigError: no such class, something that is no network, or arguments that it refuses.
    """
    arguments = dict(node)
    target = str(arguments.pop("_target_", ""))
    module, _, name = target.rpartition(".")
    try:
        network = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"model._target_={target}: no such class ({error})") from error
    # a saved configuration may come from somebody else: nothing but networks is ever called
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        raise ConfigError(f"model._target_={target} is no network (a class derived from torch.nn.Module)")
    try:
        return network(**arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"model: {' '.join(str(error).split())}") from error
