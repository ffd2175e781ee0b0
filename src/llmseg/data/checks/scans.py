"""One case: its headers, its voxels, its label, and how they fit each other."""

import math
import os
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseg.data.cases import Case
from llmseg.data.checks.fault import WARNING, Fault
from llmseg.data.checks.masks import noise_fault, noisy_values, picture_warnings
from llmseg.data.checks.mirrors import (
    Levels,
    Mirrored,
    image_levels,
    label_levels,
    mirrored_by_header,
    mirrored_channels,
    mirrored_label,
)
from llmseg.data.files import read_header, read_voxels
from llmseg.data.formats.header import Header
from llmseg.data.scan import check_channel, check_label
from llmseg.data.validation import read_common_header
from llmseg.errors import DataError


@dataclass
class Examined:
    """What one case is like.

    Attributes:
        case: the case.
        faults: what is wrong with it alone.
        header: grid of its first readable channel, or None.
        ranges: lowest and highest intensity of each sound channel.
        volumes: class -> millilitres, of a sound label; else empty.
        images: digest of each sound channel's voxels.
        label: digest of the label's voxels; None where it is unsound or empty.
        mirrored: files that fit better the other way round.
    """

    case: Case
    faults: list[Fault] = field(default_factory=list)
    header: Header | None = None
    ranges: list[tuple[float, float]] = field(default_factory=list)
    volumes: dict[str, float] = field(default_factory=dict)
    images: dict[Path, str] = field(default_factory=dict)
    label: str | None = None
    mirrored: list[Mirrored] = field(default_factory=list)

    def add(self, error: DataError, kind: str) -> None:
        """Note a fault."""
        self.faults.append(Fault.of(error, kind, self.case.id))


def examine(case: Case, window: tuple[float, float] | None = None) -> Examined:
    """Read all files of a case, one at a time, and note everything that is wrong; never raises DataError.

    Args:
        case: the case.
        window: intensities outside of which a channel is cut off, or None.
    """
    found = Examined(case)
    headers = _headers(found)
    fits = _check_grids(found, headers)
    images: list[tuple[Path, Levels]] = []
    for path in case.images:
        if path in headers and (levels := _channel(found, path, window)) is not None and path in fits:
            images.append((path, levels))
    label = _label(found, case.label) if case.label in headers else None
    if found.header is not None:
        found.mirrored += mirrored_channels(images, found.header)
        if label is not None and case.label in fits:
            found.mirrored += mirrored_label(images, (case.label, label), found.header)
    return found


def _headers(found: Examined) -> dict[Path | None, Header]:
    """Headers of all files whose voxels can be read at all."""
    headers: dict[Path | None, Header] = {}
    case = found.case
    for path in (*case.images, *([case.label] if case.label else [])):
        try:
            header = read_header(path)
            needed, there = 4 * math.prod(header.shape), _memory()
            if needed > there / 2:
                raise DataError(
                    f"{path}: its {'x'.join(map(str, header.shape))} voxels need {needed / 1e9:.0f} GB of the "
                    f"{there / 1e9:.0f} GB of memory here: cut it, or repair its header if it has fewer"
                )
            headers[path] = header
        except DataError as error:
            found.add(error, "header")
    return headers


def _check_grids(found: Examined, headers: dict[Path | None, Header]) -> set[Path]:
    """Note files that lie otherwise than the first channel; returns those that do not."""
    case = found.case
    first = next((path for path in case.images if path in headers), None)
    if first is None:
        return set()
    found.header = reference = headers[first]
    fits = {first}
    for path, header in headers.items():
        if path is None or path == first:
            continue
        pair = replace(case, images=(first,)) if path == case.label else replace(case, images=(first, path), label=None)
        try:
            read_common_header(pair)
            fits.add(path)
        except DataError as error:
            if axes := mirrored_by_header(reference, header):
                what = f"its header mirrors it ({', '.join(axes)}) against {first}"
                remedy = "look at both, then repair the header or turn the voxels round"
                found.faults.append(Fault(case.id, str(path), "flip", what, remedy))
            else:
                found.add(error, "grid")
    return fits


def _channel(found: Examined, path: Path, window: tuple[float, float] | None) -> Levels | None:
    try:
        voxels = read_voxels(path, np.float32)
        check_channel(voxels, path)
        low, high = float(voxels.min()), float(voxels.max())
        if window and (high <= window[0] or low >= window[1]):
            raise DataError(
                f"{path}: intensities {low:g} to {high:g} lie outside of the window {window[0]:g} to {window[1]:g}: "
                "convert it to Hounsfield units, or set data.window"
            )
    except DataError as error:
        found.add(error, "voxels")
        return None
    found.ranges.append((low, high))
    found.images[path] = digest(voxels)
    return image_levels(voxels)


def _label(found: Examined, path: Path | None) -> Levels | None:
    assert path is not None
    case, voxels = found.case, None
    try:
        voxels = read_voxels(path)
        raw = check_label(voxels, path, case.labels)
        found.faults += picture_warnings(case.id, path)
    except DataError as error:
        values = 0 if voxels is None else noisy_values(voxels)
        if values:
            found.faults.append(noise_fault(case.id, path, values))
        else:
            found.add(error, "label")
        return None
    if not raw.any():
        what, remedy = "the label is empty", "make sure that there is nothing to segment in this case"
        found.faults.append(Fault(case.id, str(path), "label", what, remedy, WARNING))
    else:
        found.label = digest(raw.astype(np.int32))
    millilitres = float(np.prod(read_header(path).spacing)) / 1000
    found.volumes = {name: int(np.isin(raw, values).sum()) * millilitres for name, values in case.labels.items()}
    return label_levels(raw)


def digest(voxels: NDArray[Any]) -> str:
    """A fingerprint of shape and values, whatever the file's format, header and compression."""
    return blake2b(np.ascontiguousarray(voxels).data, digest_size=16, key=str(voxels.shape).encode()).hexdigest()


def _memory() -> float:
    """Physical memory in bytes; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return math.inf
