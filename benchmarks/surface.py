"""HD95, ASSD and NSD of one case and class: `python benchmarks/surface.py`.

Runs on the CPU whatever the device, as its peers do: surface distances are computed after the network, case by case.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import numpy as np
import torch
from harness import Options, Row, Same, Side, close, compare, main, package
from scipy.ndimage import gaussian_filter

from llmseg.evaluation.surface import BoolArray, SurfaceDistances, surface_distances

monai = import_module("monai.metrics")

QUESTION = "HD95 + ASSD + NSD of one case, one class"
TOLERANCE = 2.0
"""Of NSD, in mm."""
ELEMENTS = "surface elements, not voxels: cannot be equal"
"""What a definition is called that ours can only resemble."""

Values = dict[str, float]
Case = tuple[str, tuple[int, ...], tuple[float, ...], tuple[float, ...]]
"""What it is like; shape, semi-axes of the object in voxels, voxel size in mm."""

CASES: list[Case] = [
    ("a tumour (1 mm)", (240, 240, 155), (40, 30, 26), (1.0, 1.0, 1.0)),
    ("an atrium (0.625x0.625x1.25 mm)", (576, 576, 88), (64, 48, 26), (0.625, 0.625, 1.25)),
]
"""Objects as large as in BraTS and in the Left Atrium challenge: about 130 and 160 ml, 12,000 and 27,000 voxels of
surface."""
SMALL: list[Case] = [("a small object", (40, 40, 30), (12, 10, 8), (1.0, 1.0, 2.0))]


def rows(options: Options) -> Iterator[Row]:
    """One case after the other."""
    for what, shape, semi_axes, spacing in SMALL if options.small else CASES:
        prediction, label = masks(shape, semi_axes)
        dice = 2 * np.count_nonzero(prediction & label) / (np.count_nonzero(prediction) + np.count_nonzero(label))
        yield from compare(
            f"HD95 + ASSD + NSD, {'x'.join(map(str, shape))}, {what}, Dice {dice:.2f}",
            _ours(prediction, label, spacing),
            peers := list(_peers(prediction, label, spacing)),
            _same,
            [8.0 if peer.name.startswith("medpy") else 2.0 for peer in peers],
            # a round of the larger case takes half a minute, nearly all of it medpy's
            replace(options, cap=min(options.cap, 25.0)),
        )


def masks(shape: tuple[int, ...], semi_axes: tuple[float, ...]) -> tuple[BoolArray, BoolArray]:
    """Two ellipsoids, one the prediction and one the label, each with a rough surface of its own."""
    axes = [(np.arange(n, dtype=np.float32) - n / 2) / radius for n, radius in zip(shape, semi_axes, strict=True)]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
    random = np.random.default_rng(0)
    found = []
    for _ in range(2):
        noise = gaussian_filter(random.standard_normal(shape, dtype=np.float32), 4)
        found.append(np.asarray(radius + 0.07 * noise / noise.std() < 1))
    return found[0], found[1]


def _ours(prediction: BoolArray, label: BoolArray, spacing: Sequence[float]) -> Side:
    def run() -> tuple[SurfaceDistances, Values]:
        (distances,) = surface_distances(prediction, label, spacing)
        hd95, assd, nsd = distances.hd95(), distances.assd(), distances.nsd(TOLERANCE)
        return distances, {"HD95": hd95, "ASSD": assd, "NSD": nsd}

    return Side("llmseg.evaluation", run)


def _peers(prediction: BoolArray, label: BoolArray, spacing: Sequence[float]) -> Iterator[Side]:
    if (medpy := package("medpy.metric.binary")) is not None:
        yield _medpy(medpy, prediction, label, spacing)
    if (deepmind := package("surface_distance")) is not None:
        yield _deepmind(deepmind, prediction, label, spacing)
    yield _monai(prediction, label, spacing)


def _medpy(medpy: ModuleType, prediction: BoolArray, label: BoolArray, spacing: Sequence[float]) -> Side:
    def run() -> Values:
        return {"HD95": medpy.hd95(prediction, label, spacing), "one-way ASD": medpy.asd(prediction, label, spacing)}

    return Side("medpy (HD95 + ASD)", run)


def _deepmind(package: ModuleType, prediction: BoolArray, label: BoolArray, spacing: Sequence[float]) -> Side:
    def run() -> Values:
        distances = package.compute_surface_distances(label, prediction, spacing)
        return {
            f"HD95, {ELEMENTS}": package.compute_robust_hausdorff(distances, 95),
            f"ASSD, {ELEMENTS}": float(np.mean(package.compute_average_surface_distance(distances))),
            f"NSD, {ELEMENTS}": package.compute_surface_dice_at_tolerance(distances, TOLERANCE),
        }

    return Side("surface-distance (google-deepmind)", run)


def _monai(prediction: BoolArray, label: BoolArray, spacing: Sequence[float]) -> Side:
    """Its metrics take tensors (N, C, *spatial); one channel, so that none is measured in vain."""
    one, two = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, label))
    choice = {"include_background": True, "spacing": list(spacing)}

    def run() -> Values:
        return {
            "HD95, larger of two ways": float(monai.compute_hausdorff_distance(one, two, percentile=95, **choice)),
            "ASSD": float(monai.compute_average_surface_distance(one, two, symmetric=True, **choice)),
            "NSD": float(monai.compute_surface_dice(one, two, class_thresholds=[TOLERANCE], **choice)),
        }

    return Side("MONAI", run)


def _same(ours: tuple[SurfaceDistances, Values], theirs: Values) -> Same:
    """Equal where the definition is the same; Google's within half a millimetre (NSD: 0.1), and said to be."""
    known = _definitions(*ours)
    if not any(ELEMENTS in name for name in theirs):
        return close([known[name] for name in theirs], list(theirs.values()), 1e-6, f"{', '.join(theirs)}")
    pairs = [(known[name.removesuffix(f", {ELEMENTS}")], value) for name, value in theirs.items()]
    *lengths, share = [abs(mine - other) for mine, other in pairs]
    because = f"HD95 and ASSD differ by {max(lengths):.2g} mm at most, NSD by {share:.2g} ({ELEMENTS})"
    return Same(bool(max(lengths) <= 0.5 and share <= 0.1), because)


def _definitions(distances: SurfaceDistances, values: Mapping[str, float]) -> Values:
    ways = distances.to_label, distances.to_prediction
    return {
        **values,
        "one-way ASD": distances.directed_asd(),
        "HD95, larger of two ways": float(max(np.percentile(way, 95) for way in ways)),
    }


if __name__ == "__main__":
    main("surface", QUESTION, rows)
