"""Where Hydra looks for sweepers. It imports this at every start, so what is needed is imported on use."""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class PruningSweeper(Sweeper):
    """`sweep=optuna`, see llmseg.cli.sweep."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher and open the study.

        Raises:
            ConfigError: the packages of the extra `sweep` are missing, or the study cannot be continued.
        """
        from llmseg.errors import ConfigError

        try:
            from llmseg.cli.sweep import StudySweeper
        except ImportError as error:
            raise ConfigError(f"sweep=optuna needs more packages: pip install 'llmseg[sweep]' ({error})") from error
        self._sweeper = StudySweeper()
        self._sweeper.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run the trials; returns their jobs in batches, as Hydra's basic sweeper does."""
        return self._sweeper.sweep(arguments)
