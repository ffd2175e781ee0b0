"""From a plain configuration to what is trained, for the tasks whose models are a group of their own."""

from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import nn

from llmseg.cli import build
from llmseg.cli.console import quiet_libraries
from llmseg.errors import ConfigError, UserError


def make_model(config: Mapping[str, Any], group: str) -> Any:
    """The model of a group, such as vlm or llm, freshly initialised from the seed.

    Raises:
        ConfigError: its settings cannot be.
        UserError: it cannot be had.
    """
    quiet_libraries()
    build.seed_everything(config["seed"])
    try:
        return instantiate(config[group], _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise ConfigError(f"{group}: {' '.join(str(error.__cause__ or error).split())}") from error


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
