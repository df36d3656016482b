"""From key results to their objective: weighted mean, coverage and the one state that an objective wears.

Pure arithmetic over what the key results already say. Must not score a key result or know a host.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connector.domain.model import State
from connector.errors import InputError

WORST_FIRST = (State.AT_RISK, State.STALLED, State.OVERDUE, State.DATA_LATE, State.NO_DATA, State.ON_TRACK, State.CLOSED)
"""Known trouble, then "cannot tell" (overdue, data late, no data), then on track; an unknown is never hidden behind a green one."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """Progress of an objective over the children that report; None when none does. ``total`` counts all of them."""

    progress: float | None
    reporting: int
    total: int


def objective_progress(children: Sequence[tuple[float | None, float]]) -> Rollup:
    """Weighted mean of (progress, weight) pairs: Σ wᵢ pᵢ ÷ Σ wᵢ over the children with data.

    Weights of 0 on everything that reports mean "no weighting": those count alike. Sums are exact before they are rounded once, so
    the order of children cannot matter. Raises ``InputError`` for a negative or non-finite weight and a non-finite progress.
    """
    for progress, weight in children:
        if not math.isfinite(weight) or weight < 0:
            raise InputError(f"a weight is a number from 0 up, not {weight}", where="weight")
        if progress is not None and not math.isfinite(progress):
            raise InputError(f"progress must be a finite number, not {progress}", where="progress")
    known = [(progress, weight) for progress, weight in children if progress is not None]
    if not known:
        return Rollup(None, 0, len(children))
    heaviest = max(weight for _, weight in known)
    if heaviest == 0:
        known = [(progress, 1.0) for progress, _ in known]
    else:  # scaled to 1, so that neither very small nor very large weights leave the range of a float
        known = [(progress, weight / heaviest) for progress, weight in known]
    mean = math.fsum(progress * weight for progress, weight in known) / math.fsum(weight for _, weight in known)
    lowest, highest = min(progress for progress, _ in known), max(progress for progress, _ in known)
    return Rollup(min(max(mean, lowest), highest), len(known), len(children))


def coverage_text(rollup: Rollup) -> str:
    """ "2 of 3 reporting"; an objective without key results is "not measurable yet" (R001)."""
    return f"{rollup.reporting} of {rollup.total} reporting" if rollup.total else "not measurable yet"


def weakest_state(states: Iterable[State]) -> State:
    """The first of ``WORST_FIRST`` that occurs, so closed key results show only when all are closed. Without any: no data."""
    return min(states, key=WORST_FIRST.index, default=State.NO_DATA)
