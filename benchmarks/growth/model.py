"""The model: a cost that does not change, and one for each unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """cost = fixed + each * units.

    Attributes:
        fixed: what the smallest job costs as well, in the cost's unit.
        each: of one unit of work.
    """

    fixed: float
    each: float

    @classmethod
    def through(cls, units: Sequence[float], costs: Sequence[float]) -> "Line":
        """Least squares of relative errors, so that the large jobs do not rule alone."""
        weights = 1 / np.asarray(costs, dtype=np.float64)
        table = np.stack([np.ones(len(units)), np.asarray(units, dtype=np.float64)], axis=1)
        fixed, each = np.linalg.lstsq(table * weights[:, None], np.ones(len(units)), rcond=None)[0]
        return cls(float(fixed), float(each))

    def at(self, units: float) -> float:
        """The cost of so many units."""
        return self.fixed + self.each * units


def checked(what: str, unit: str, units: Sequence[float], costs: Sequence[float]) -> list[dict[str, object]]:
    """Every second inner point is held out; the line goes through the others.

    Args:
        what: the cost, with its unit.
        unit: of the work.
        units: ascending.
        costs: as measured.

    Returns:
        A row a point: what was measured, what the model says, their relative difference, held out or not.
    """
    held = set(range(1, len(units) - 1, 2))
    fitted = [index for index in range(len(units)) if index not in held]
    line = Line.through([units[index] for index in fitted], [costs[index] for index in fitted])
    return [
        {
            "what": what, "unit": unit, "units": units[index], "measured": costs[index],
            "model": line.at(units[index]), "error": line.at(units[index]) / costs[index] - 1,
            "held_out": index in held, "fixed": line.fixed, "each": line.each,
        }
        for index in range(len(units))
    ]  # fmt: skip


def makespan(seconds: Sequence[float], devices: int) -> float:
    """When the last of independent jobs ends, each on one device, the longest first.

    Args:
        seconds: of each job.
        devices: that work side by side.
    """
    busy = np.zeros(devices)
    for job in sorted(seconds, reverse=True):
        busy[busy.argmin()] += job
    return float(busy.max())
