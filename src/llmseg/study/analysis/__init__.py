"""The nine parts of the analysis, one file a notebook: tables of runs in, a `Section` out, nothing printed.

Each part says in its notes what it lacks (no runs, under ten patients) instead of failing.
"""

from llmseg.study.analysis.cohorts import cohorts
from llmseg.study.analysis.cost import cost
from llmseg.study.analysis.curves import training_curves
from llmseg.study.analysis.dice import dice
from llmseg.study.analysis.errors import errors
from llmseg.study.analysis.formulas import formulas
from llmseg.study.analysis.masks import masks
from llmseg.study.analysis.variability import variability
from llmseg.study.analysis.wiring import wiring_faults

__all__ = [
    "cohorts",
    "cost",
    "dice",
    "errors",
    "formulas",
    "masks",
    "training_curves",
    "variability",
    "wiring_faults",
]
