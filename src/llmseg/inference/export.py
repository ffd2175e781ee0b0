"""A trained network as ONNX, with all that is needed to use it without PyTorch and without this project."""

import contextlib
import io
import json
import logging
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llmseg.data.preprocessing import Recipe
from llmseg.errors import UserError, first_line

FILES = ("model.onnx", "preprocessing.json", "infer_onnx.py")
# Largest difference to PyTorch that is taken for rounding, as a share of the largest logit; 1e-5 is usual at most.
_TOLERANCE = 1e-4
_OPTIONAL = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: holds `FILES`.
        dynamic_size: the network takes other spatial sizes than it was trained with.
        dynamic_batch: it takes any number of images at once.
        difference: largest to PyTorch, over the largest logit.
        note: why something is fixed, or None.
    """

    folder: Path
    dynamic_size: bool
    dynamic_batch: bool
    difference: float
    note: str | None


def require_packages() -> None:
    """Check that the packages of the export are installed.

    Raises:
        UserError: one is missing.
    """
    for name in _OPTIONAL:
        try:
            import_module(name)
        except ImportError as error:
            raise UserError(
                f"export needs {', '.join(_OPTIONAL)}, and {name} cannot be imported: pip install 'llmseg[export]'"
            ) from error


def export(
    net: nn.Module,
    recipe: Recipe,
    channels: Sequence[str],
    input_size: Sequence[int],
    output: Path,
    overlap: float = 0.5,
    facts: Mapping[str, Any] | None = None,
) -> Exported:
    """Write model.onnx, preprocessing.json and infer_onnx.py; nothing where the network does not come out the same.

    Size and number of the images stay free where the network allows it, which is tried out; otherwise they are fixed
    at the input it was trained on.

    Args:
        net: gives logits.
        recipe: the preprocessing it was trained with.
        channels: names of the image channels, in order.
        input_size: spatial size of its input: image size in 2D, patch size in 3D.
        output: folder; other files in it stay.
        overlap: of neighbouring windows in 3D.
        facts: plain entries for preprocessing.json, for the reader.

    Raises:
        UserError: a package is missing, the network cannot be exported, ONNX Runtime gives other logits than PyTorch,
            or the folder cannot be written.
    """
    require_packages()
    net = net.float().cpu().eval()
    try:
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=output, prefix=".export") as scratch:
            folder = Path(scratch)
            exported = _network(net, len(channels), input_size, folder / FILES[0])
            content = _preprocessing(recipe, channels, input_size, overlap, exported) | dict(facts or {})
            (folder / FILES[1]).write_text(json.dumps(content, indent=2) + "\n")
            shutil.copyfile(Path(__file__).with_name(FILES[2]), folder / FILES[2])
            for name in FILES:
                (folder / name).replace(output / name)
    except OSError as error:
        raise UserError(f"output={output}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):  # there is something in it
            output.rmdir()
    return replace(exported, folder=output)


def _network(net: nn.Module, channels: int, size: Sequence[int], path: Path) -> Exported:
    """Write model.onnx as free as the network allows, checked against PyTorch."""
    with torch.no_grad():
        if not net(_random(1, channels, size)).isfinite().all():
            raise UserError("the network's own output is not finite; its training went wrong, see metrics.csv")
    notes = []
    for free_batch, free_size in ((True, True), (True, False), (False, False)):
        fault = _convert(net, _random(2 if free_batch else 1, channels, size), path, free_batch, free_size)
        for count in (1, 3) if free_batch else (1,):
            fault = fault or _fault(net, _random(count, channels, size), path)
        if fault is None:
            break
        notes.append(fault)
    else:
        raise UserError(f"the network cannot be exported to ONNX: {notes[-1]}")
    other = [n - 32 if n >= 96 else n + 32 for n in size]
    if free_size and (fault := _fault(net, _random(1, channels, other), path)):
        notes.append(f"at {' x '.join(map(str, other))}: {fault}")
        free_size = False
    _finish(path, None if free_batch else 1, None if free_size else size)
    difference = _difference(net, _random(2 if free_batch else 1, channels, size), path)
    return Exported(path.parent, free_size, free_batch, difference, "; ".join(notes) or None)


def _convert(net: nn.Module, image: Tensor, path: Path, free_batch: bool, free_size: bool) -> str | None:
    """Write the network for inputs like `image`; returns why it did not work."""
    axes = ([0] if free_batch else []) + (list(range(2, image.dim())) if free_size else [])
    shapes: Any = (dict.fromkeys(axes, torch.export.Dim.AUTO),) if axes else None
    with _quiet():
        try:
            torch.onnx.export(
                net,
                (image,),
                str(path),
                dynamo=True,
                dynamic_shapes=shapes,
                input_names=["image"],
                output_names=["logits"],
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter raises whatever any of its stages does
            return f"{type(error).__name__}: {first_line(error)[:200]}"
    return None


def _difference(net: nn.Module, image: Tensor, path: Path) -> float:
    """Largest difference of the logits on one input, over the largest logit."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong while sizes are tried out is no message for the user
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = net(image).numpy()
    logits = session.run(None, {"image": image.numpy()})[0]
    if logits.shape != expected.shape:
        return float("inf")
    difference = np.abs(logits - expected).max() / max(np.abs(expected).max(), 1e-6)
    return float(difference) if np.isfinite(difference) else float("inf")


def _fault(net: nn.Module, image: Tensor, path: Path) -> str | None:
    """Why the file is no good for an input, or None."""
    try:
        difference = _difference(net, image, path)
    except Exception as error:  # PyTorch's and ONNX Runtime's refusals have no common class
        return first_line(error)[:200].replace(str(path), path.name)
    return f"logits differ by {difference:.1e} of the largest" if difference > _TOLERANCE else None


def _finish(path: Path, batch: int | None, size: Sequence[int] | None) -> None:
    """Write numbers into the file in place of sizes that are not free after all, and drop the exporter's notes.

    The notes are stack traces, with the folders of the machine that exported.
    """
    import onnx

    model = onnx.load(str(path))
    _drop_notes(model.graph)
    for function in model.functions:
        _drop_notes(function)
    (image,), (logits,) = model.graph.input, model.graph.output
    sizes: list[int | None] = [batch, None]
    sizes += list(size) if size is not None else [None] * (len(image.type.tensor_type.shape.dim) - 2)
    for dimension, number in zip(image.type.tensor_type.shape.dim, sizes, strict=True):
        if number is not None:
            dimension.dim_value = number
    for axis, dimension in enumerate(logits.type.tensor_type.shape.dim):
        if sizes[axis] is not None and not dimension.dim_value:
            dimension.dim_param = f"logits_{axis}"  # it was an expression of sizes that are numbers now
    onnx.save(model, str(path))


def _drop_notes(graph: Any) -> None:
    """Delete `metadata_props` of a graph or function and of all that is in it."""
    parts = [graph, *graph.node, *graph.value_info]
    for name in ("input", "output", "initializer"):
        parts += [part for part in getattr(graph, name, ()) if hasattr(part, "metadata_props")]
    for part in parts:
        del part.metadata_props[:]
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _drop_notes(inner)


def _preprocessing(
    recipe: Recipe, channels: Sequence[str], size: Sequence[int], overlap: float, exported: Exported
) -> dict[str, Any]:
    """What infer_onnx.py needs to know."""
    return {
        "format": 1,
        "spatial_dims": len(size),
        "channels": list(channels),
        "classes": list(recipe.classes),
        "overlapping": recipe.overlapping,
        "label_values": {
            name: 1 if recipe.overlapping else index for index, name in enumerate(recipe.classes, start=1)
        },
        "activation": "sigmoid" if recipe.overlapping or len(recipe.classes) == 1 else "softmax",
        "orientation": recipe.orientation,
        "spacing": recipe.spacing,
        "intensity": recipe.intensity,
        "window": recipe.window,
        "crop_foreground": recipe.crop_foreground,
        "slice_axis": recipe.slice_axis,
        "input_size": list(size),
        "overlap": overlap,
        "dynamic_batch": exported.dynamic_batch,
        "dynamic_size": exported.dynamic_size,
        "note": exported.note,
    }


def _random(count: int, channels: int, size: Sequence[int]) -> Tensor:
    return torch.randn(count, channels, *size, generator=torch.Generator().manual_seed(0))


@contextlib.contextmanager
def _quiet() -> Any:
    """Hide the exporter's progress and warnings on its own workings."""
    level = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(level)
