"""Models from runs that keep only what was trained: box models and writers of reports."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from llmseg.cli.tasks.making import make_model
from llmseg.errors import UserError
from llmseg.methods.adapted import trained_names
from llmseg.runs import RunFolder
from llmseg.runs.checkpoint import reading

_PREFIX = "net."


def rebuild(
    run: RunFolder, checkpoint: str, group: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Any:
    """The model of a run in evaluation mode on the CPU: what was not trained is read from where it came from.

    Args:
        run: holds the checkpoint.
        checkpoint: last or best.
        group: of the model: vlm or llm.
        change: from the group's node in the checkpoint to that of the model to be made.

    Raises:
        UserError: no such checkpoint, one that does not fit, or a language model that cannot be had any more.
    """
    file = run.checkpoint(checkpoint)
    with reading(file):
        content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        state = {key.removeprefix(_PREFIX): value for key, value in content["state_dict"].items()}
        config = {**content["llmseg"], group: change(content["llmseg"][group])}
    model = make_model(config, group)
    if missing := sorted(trained_names(model) ^ state.keys()):
        raise UserError(f"{file}: {missing[0]} does not fit the model of its own configuration; was {group} changed?")
    try:
        model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise UserError(f"{file}: does not fit its language model any more; was that one replaced?") from error
    return model.eval()
