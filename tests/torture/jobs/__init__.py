"""The kinds of work that are killed and starved of disk."""

from collections.abc import Callable
from pathlib import Path

from tests.torture.job import Job
from tests.torture.jobs.batch import Batch
from tests.torture.jobs.caching import Caching
from tests.torture.jobs.study import Study
from tests.torture.jobs.sweep import Sweep
from tests.torture.jobs.training import Training

JOBS: tuple[Callable[[Path], Job], ...] = (Training, Caching, Batch, Study, Sweep)
