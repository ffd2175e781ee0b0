"""Writers of reports: from a run, or from a folder of Hugging Face's."""

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch

from llmseg.cli.trained_model import rebuild
from llmseg.language.adapters import ADAPTER_CONFIG, adapter_of, load_adapter
from llmseg.language.lm import identity_of
from llmseg.models.reporter import Reporter
from llmseg.runs import RunFolder


def load_writer(
    run: RunFolder, device: torch.device, checkpoint: str = "last", prompt: Mapping[str, Any] | None = None
) -> Reporter:
    """The writer that a run has trained, in evaluation mode.

    Args:
        run: of `train.py method=report`.
        device: where it writes.
        checkpoint: last, or best (on the validation reports).
        prompt: another template than that it was trained with; None: that.

    Raises:
        UserError: no such checkpoint, one that does not fit, or a language model that cannot be had any more.
    """

    def wanted(llm: Mapping[str, Any]) -> Mapping[str, Any]:
        adapter = llm["adapter"]
        if adapter["kind"] == "qlora" and device.type != "cuda":
            adapter = {**adapter, "kind": "lora"}  # the same adapter on whole weights
        return {**llm, "adapter": adapter, "prompt": dict(prompt or llm["prompt"])}

    writer: Reporter = rebuild(run, checkpoint, "llm", wanted)
    with run.checkpoint(checkpoint).open("rb") as stream:
        writer.identity["checkpoint"] = file_digest(stream, "sha256").hexdigest()
    return writer.to(device)


def open_folder(path: str, prompt: Mapping[str, Any], device: torch.device, cache: Path = Path(".cache")) -> Reporter:
    """A writer that was not trained here: a folder of weights, of an adapter, or a name on Hugging Face.

    Args:
        path: the folder or name; an adapter names the model that it belongs to.
        prompt: plain `prompt` node.
        device: where it writes.
        cache: see `llmseg.language.lm.load`.

    Raises:
        UserError: nothing there that can be read, or an adapter of another model.
    """
    folder = Path(path).expanduser()
    is_adapter = (folder / ADAPTER_CONFIG).is_file()
    pretrained = adapter_of(folder) if is_adapter else path
    # no training, so no limit of its own
    dtype = "bfloat16" if device.type == "cuda" else "float32"
    writer = Reporter(pretrained=pretrained, prompt=prompt, max_length=1, dtype=dtype, cache=str(cache))
    if is_adapter:
        writer.lm = load_adapter(writer.lm, folder)
    writer.identity["path"] = identity_of(path)
    return writer.eval().to(device)
