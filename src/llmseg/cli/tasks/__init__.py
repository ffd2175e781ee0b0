"""What can be trained: masks, boxes, reports. One file a task; commands know only `llmseg.cli.tasks.base`."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from llmseg.cli.tasks.base import Task
from llmseg.errors import ConfigError

_TASKS = {"segmentation": "Segmentation", "grounding": "Grounding", "report": "Reporting"}


def task_of(config: Mapping[str, Any]) -> Task:
    """The task of a configuration: its key `task`; without it, segmentation.

    Raises:
        ConfigError: no such task.
    """
    name = str(config.get("task") or "segmentation")
    if name not in _TASKS:
        raise ConfigError(f"task={name}: choose from {', '.join(_TASKS)}")
    made: Task = getattr(import_module(f"llmseg.cli.tasks.{name}"), _TASKS[name])()
    return made
