"""Segment a scan with an exported network; needs onnxruntime, nibabel and numpy, nothing else.

    python infer_onnx.py scan.nii.gz mask.nii.gz
    python infer_onnx.py flair.nii.gz t1.nii.gz t1ce.nii.gz t2.nii.gz mask.nii.gz      one file a channel

model.onnx and preprocessing.json lie beside this file. The mask is uint8 on the scan's own grid, with the values
that preprocessing.json gives the classes; several regions that may overlap get a file each, mask_<region>.nii.gz.
"""

import argparse
import json
import math
import re
import sys
from itertools import product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import onnxruntime


def main() -> None:
    """Read the channels, segment, write the mask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=Path, help="NIfTI files, one a channel")
    parser.add_argument("mask", type=Path, help="NIfTI file to write")
    arguments = parser.parse_args()
    folder = Path(__file__).parent
    facts = json.loads((folder / "preprocessing.json").read_text())
    image, reference = read(arguments.images, facts["channels"])
    label = segment(image, reference.affine, facts, session(folder / "model.onnx"))
    for path in write(arguments.mask, label, reference, facts):
        print(path)


def session(path: Path) -> Any:
    """The network, on the CPU."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def read(paths: list[Path], channels: list[str]) -> tuple[np.ndarray, Any]:
    """Image (C, X, Y, Z) float32, and the first file."""
    if len(paths) != len(channels):
        sys.exit(f"error: {len(paths)} images for {len(channels)} channels: give {', '.join(channels)}, in this order")
    files: list[Any] = [nib.load(path) for path in paths]
    for path, file in zip(paths, files, strict=True):
        if (
            len(file.shape) != 3
            or file.shape != files[0].shape
            or not np.allclose(file.affine, files[0].affine, atol=1e-3)
        ):
            sys.exit(f"error: {path}: not a 3D scan on the grid of {paths[0]}")
    image = np.stack([np.asarray(file.dataobj, np.float32) for file in files])
    for path, values in zip(paths, image, strict=True):
        if not np.isfinite(values).all():
            sys.exit(f"error: {path}: some voxels are NaN or infinite")
        if values.min() == values.max():
            sys.exit(f"error: {path}: every voxel is {values.flat[0]:g}, a constant image")
    return image, files[0]


def write(path: Path, label: np.ndarray, reference: Any, facts: dict[str, Any]) -> list[Path]:
    """Write label (L, X, Y, Z) with the first channel's affine; returns the files."""
    name = path.name.removesuffix(".gz").removesuffix(".nii")
    words = ["_" + re.sub(r"[^\w.+-]+", "_", region) for region in facts["classes"]] if len(label) > 1 else [""]
    header = reference.header.copy()
    header.set_data_dtype(np.uint8)
    header["cal_min"] = header["cal_max"] = 0  # the range in which viewers show the scan
    paths = [path.with_name(name + word + (path.name[len(name) :] or ".nii.gz")) for word in words]
    for each, values in zip(paths, label, strict=True):
        nib.save(type(reference)(values, reference.affine, header), each)
    return paths


def segment(image: np.ndarray, affine: np.ndarray, facts: dict[str, Any], network: Any) -> np.ndarray:
    """Label (L, X, Y, Z) uint8 of an image (C, X, Y, Z): one map of class values, or one of 0 and 1 for each region."""
    transform = orientation(affine, facts["orientation"])
    oriented = reorient(image, transform)
    empty = background(oriented)
    box = foreground(oriented, empty) if facts["crop_foreground"] else tuple(slice(n) for n in oriented.shape[1:])
    inside = intensity(oriented[(slice(None), *box)], empty, facts)
    size = grid = inside.shape[1:]
    if facts["spacing"]:
        spacing = np.linalg.norm(affine[:3, :3], axis=0)[np.argsort(transform[:, 0])]
        grid = tuple(max(1, round(n * a / b)) for n, a, b in zip(size, spacing.tolist(), facts["spacing"], strict=True))
    predict = slices if facts["spatial_dims"] == 2 else windows
    decided = decide(resize(predict(resize(inside, grid), facts, network), size), facts)
    whole = np.zeros((len(decided), *oriented.shape[1:]), np.uint8)
    whole[(slice(None), *box)] = decided
    back = np.empty_like(transform)
    for axis, (target, flip) in enumerate(transform):
        back[int(target)] = (axis, flip)
    return reorient(whole, back)


def orientation(affine: np.ndarray, axes: str | None) -> np.ndarray:
    """Nibabel's transform from the file's axes to the network's, which are three letters, or None for the file's."""
    own = nib.orientations.io_orientation(affine)
    return nib.orientations.ornt_transform(own, own if axes is None else nib.orientations.axcodes2ornt(tuple(axes)))


def reorient(values: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Flip and permute the last three axes of (C, X, Y, Z)."""
    return np.moveaxis(nib.orientations.apply_orientation(np.moveaxis(values, 0, -1), transform), -1, 0)


def background(image: np.ndarray) -> list[float | None]:
    """Value of each channel's empty border, which its eight corners share; None if they do not agree."""
    corners = [values[np.ix_(*((0, n - 1) for n in values.shape))] for values in image]
    return [float(values.flat[0]) if np.ptp(values) == 0 else None for values in corners]


def foreground(image: np.ndarray, empty: list[float | None]) -> tuple[slice, ...]:
    """Smallest box with all that is not background; everything where a channel has no empty border."""
    if any(value is None for value in empty):
        return tuple(slice(n) for n in image.shape[1:])
    inside = np.any([channel != value for channel, value in zip(image, empty, strict=True)], axis=0)
    hits = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple(slice(int(hit[0]), int(hit[-1]) + 1) for hit in hits)


def intensity(image: np.ndarray, empty: list[float | None], facts: dict[str, Any]) -> np.ndarray:
    """Scale intensities; float32."""
    result = np.empty(image.shape, np.float32)
    for channel, values, value in zip(result, image, empty, strict=True):
        if facts["intensity"] == "zscore":
            tissue = values if value is None else values[values != value]
            channel[...] = (values - tissue.mean(dtype=np.float64)) / max(tissue.std(dtype=np.float64), 1e-8)
        elif facts["intensity"] in ("minmax", "unit", "pm1"):  # only pictures have a full scale of their own
            channel[...] = (values - values.min()) / max(values.max() - values.min(), np.float32(1e-8))
            if facts["intensity"] == "pm1":
                channel[...] = 2 * channel - 1
        else:
            low, high = facts["window"]
            channel[...] = (np.clip(values, low, high) - np.float32(low)) / np.float32(high - low)
    return result


def resize(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resample the last axes to `size`: an axis that shrinks is averaged, one that grows interpolated linearly."""
    for axis, (old, new) in enumerate(zip(values.shape[-len(size) :], size, strict=True), start=-len(size)):
        if old != new:
            values = np.moveaxis(np.moveaxis(values, axis, -1) @ weights(old, new), -1, axis)
    return values


def weights(old: int, new: int) -> np.ndarray:
    """(old, new): how much of each old voxel is in each new one."""
    result = np.zeros((old, new), np.float32)
    for index in range(new):
        if new < old:
            start, stop = index * old // new, -(-(index + 1) * old // new)
            result[start:stop, index] = 1 / (stop - start)
        else:
            centre = max((index + 0.5) * old / new - 0.5, 0.0)
            start = int(centre)
            result[start, index] += 1 - (centre - start)
            result[min(start + 1, old - 1), index] += centre - start
    return result


def run(batch: np.ndarray, facts: dict[str, Any], network: Any) -> np.ndarray:
    """Logits (N, K, *spatial) of a batch (N, C, *spatial), on its grid."""
    parts = [batch] if facts["dynamic_batch"] else np.split(batch, len(batch))
    logits = np.concatenate([network.run(None, {"image": np.ascontiguousarray(part)})[0] for part in parts])
    return resize(logits, batch.shape[2:])


def activate(logits: np.ndarray, axis: int, facts: dict[str, Any]) -> np.ndarray:
    """Probabilities."""
    if facts["activation"] == "softmax":
        powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)
    return np.exp(-np.logaddexp(0, -logits))  # sigmoid, without overflow


def slices(volume: np.ndarray, facts: dict[str, Any], network: Any) -> np.ndarray:
    """Probabilities (K, X, Y, Z) of (C, X, Y, Z), slice by slice."""
    stack = np.moveaxis(volume, facts["slice_axis"] + 1, 0)
    parts = []
    for start in range(0, len(stack), 8):
        batch = resize(stack[start : start + 8], tuple(facts["input_size"]))
        parts.append(resize(activate(run(batch, facts, network), 1, facts), stack.shape[2:]))
    return np.moveaxis(np.concatenate(parts), 0, facts["slice_axis"] + 1)


def windows(volume: np.ndarray, facts: dict[str, Any], network: Any) -> np.ndarray:
    """Probabilities (K, X, Y, Z) of (C, X, Y, Z) from overlapping windows, weighted by a Gaussian."""
    size = facts["input_size"]
    missing = [max(window - n, 0) for n, window in zip(volume.shape[1:], size, strict=True)]
    padded = np.pad(volume, [(0, 0), *((n // 2, n - n // 2) for n in missing)], mode="edge")
    weight = np.ones((), np.float32)
    for n in size:
        offset = np.arange(n, dtype=np.float32) - (n - 1) / 2
        weight = weight[..., None] * np.exp(-(offset**2) / (2 * (n / 8) ** 2)).astype(np.float32)
    weight = np.maximum(weight, max(float(weight.min()), 1e-3))
    logits, total = np.zeros((0, *padded.shape[1:]), np.float32), np.zeros(padded.shape[1:], np.float32)
    for place in places(padded.shape[1:], size, facts["overlap"]):
        values = run(padded[(slice(None), *place)][None], facts, network)[0]
        if not len(logits):
            logits = np.zeros((len(values), *padded.shape[1:]), np.float32)
        logits[(slice(None), *place)] += values * weight
        total[place] += weight
    inside = tuple(slice(gap // 2, gap // 2 + n) for gap, n in zip(missing, volume.shape[1:], strict=True))
    return activate(logits[(slice(None), *inside)] / total[inside], 0, facts)


def places(shape: tuple[int, ...], size: list[int], overlap: float) -> list[tuple[slice, ...]]:
    """Where the windows lie; the last of an axis end with it."""
    axes = []
    for n, window in zip(shape, size, strict=True):
        step = max(int(window * (1 - overlap)), 1)
        axes.append([min(index * step, n - window) for index in range(1 + math.ceil((n - window) / step))])
    return [tuple(slice(s, s + n) for s, n in zip(starts, size, strict=True)) for starts in product(*axes)]


def decide(probability: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """Label (L, X, Y, Z) uint8 of probabilities (K, X, Y, Z)."""
    if facts["activation"] == "sigmoid":
        return (probability > 0.5).astype(np.uint8)
    values = np.array([0, *(facts["label_values"][name] for name in facts["classes"])], np.uint8)
    return values[probability.argmax(axis=0)][None]


if __name__ == "__main__":
    main()
