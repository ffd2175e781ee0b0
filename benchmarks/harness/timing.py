"""Ours and its peers, one after the other, again and again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch

from harness.rows import Row, Work
from harness.same import Same


@dataclass(frozen=True)
class Options:
    """How long and where to measure.

    Attributes:
        device: cpu or cuda.
        rounds: each side runs at most so often, after one run that is not counted.
        cap: seconds after which no further round of a comparison begins.
        small: sizes that are good for a test of the benchmark, not for a figure.
        warm_up: begin with that run; without it the first round's results are compared, and warming up is left to
            whoever makes the sides: for jobs of which one run takes most of a minute.
    """

    device: torch.device
    rounds: int = 5
    cap: float = 60.0
    small: bool = False
    warm_up: bool = True


@dataclass(frozen=True)
class Side:
    """One way of doing the job.

    Attributes:
        name: of the package or the stand-in, with its settings.
        run: does it once; what it returns is what `same` compares.
        repeat: how often `run` is called for one measurement, for jobs of less than some milliseconds.
    """

    name: str
    run: Callable[[], Any]
    repeat: int = 1


def compare(
    case: str,
    ours: Side,
    peers: Sequence[Side],
    same: Callable[[Any, Any], Same],
    aim: float | Sequence[float],
    options: Options,
    work: Work | None = None,
    cause: str = "",
) -> Iterator[Row]:
    """Time all sides in turn, which a noisy machine disturbs alike, and compare what they return.

    Args:
        case: what is computed, with sizes.
        ours: llmseg.
        peers: what people use.
        same: of our result and a peer's.
        aim: smallest ratio that is good enough, or one for each peer.
        options: see there.
        work: arithmetic and traffic of one run of ours, where they are known.
        cause: why an aim is missed, once that is known.

    Yields:
        A row a peer; its ratio is the median over the rounds of the peer's time by ours in the same round.
    """
    sides = (ours, *peers)
    results = [timed(side, options.device)[0] for side in sides] if options.warm_up else []
    times: list[list[float]] = [[] for _ in sides]
    began = perf_counter()
    while len(times[0]) < options.rounds and (not times[0] or perf_counter() - began < options.cap):
        done = [timed(side, options.device) for side in sides]
        results = results or [result for result, _ in done]
        for each, (_, seconds) in zip(times, done, strict=True):
            each.append(seconds)
    aims = [aim] * len(peers) if isinstance(aim, int | float) else aim
    for peer, result, spent, wanted in zip(peers, results[1:], times[1:], aims, strict=True):
        ratios = [theirs / mine for theirs, mine in zip(spent, times[0], strict=True)]
        yield Row(
            case=case,
            ours=ours.name,
            peer=peer.name,
            ours_seconds=median(times[0]),
            peer_seconds=median(spent),
            ratio=median(ratios),
            spread=(min(ratios), max(ratios)),
            rounds=len(ratios),
            aim=float(wanted),
            same=same(results[0], result),
            work=work,
            cause=cause,
        )


def timed(side: Side, device: torch.device) -> tuple[Any, float]:
    """Result, and seconds of one run."""
    _wait(device)
    start = perf_counter()
    for _ in range(side.repeat):
        result = side.run()
    _wait(device)
    return result, (perf_counter() - start) / side.repeat


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
