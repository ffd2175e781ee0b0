"""From a plain configuration to what is trained, for the tasks whose models are a group of their own."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from llmseg.cli import build
from llmseg.cli.console import quiet_libraries
from llmseg.errors import ConfigError
from llmseg.models.build import build_network


def make_model(config: Mapping[str, Any], group: str) -> Any:
    """The model of a group, such as vlm or llm, freshly initialised from the seed.

    Raises:
        ConfigError: its settings cannot be, or its `_target_` is no network; see `build_network`.
        UserError: it cannot be had.
    """
    quiet_libraries()
    build.seed_everything(config["seed"])
    try:
        return build_network(config[group], group)
    except (OSError, RuntimeError, LookupError, ImportError) as error:
        raise ConfigError(f"{group}: {' '.join(str(error).split())}") from error


def make_method(config: Mapping[str, Any], net: nn.Module) -> Any:
    """The training method around a model.

    Raises:
        ConfigError: its settings cannot be.
    """
    try:
        return build.partial(config["method"])(
            net=net,
            optimizer=build.partial(config["optimizer"]),
            scheduler=build.partial(config["scheduler"]),
            seed=config["seed"],
            record=config,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"method: {' '.join(str(error).split())}") from error
