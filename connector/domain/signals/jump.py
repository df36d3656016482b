"""Wild values (S15): what a source says all of a sudden is held back and asked about, instead of being shown.

Only a source that has told its number on several days has something usual. What is known to change the number passes: a mapping that
was edited, a source's first values. Milestones and yes/no go in steps and are never held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from connector.domain.model import Definition, Kind
from connector.domain.scoring import TOLERANCE, epsilon, raw_progress
from connector.domain.wording import plain_number, value_text

TIMES = 4
"""So many times the usual change is wild."""
LEAST_DAYS = 5
"""Days with a value of the source before anything can be called usual."""
LEAST_CHANGES = 3
"""Changes among them before there is a usual change."""
ITEMS, LEAST_ITEMS = 0.5, 3
"""Share of the items, and how many, by which their number changes wildly."""
_NEVER = frozenset({Kind.YES_NO, Kind.MILESTONES})


@dataclass(frozen=True, slots=True)
class Told:
    """The value of a source at the end of a day, and from how many items; oldest first."""

    value: float
    items: int | None


def usual_change(history: Sequence[Told]) -> float | None:
    """The median of the absolute changes from day to day, days without a change left out; None with too few."""
    changes = [abs(after.value - before.value) for before, after in pairwise(history)]
    changes = [change for change in changes if change > TOLERANCE]
    return median(changes) if len(changes) >= LEAST_CHANGES else None


def jump(definition: Definition, value: float, items: int | None, current: float, history: Sequence[Told]) -> str | None:
    """What is said of a wild value; None for one that may be shown. ``current``: the value that stands, whoever told it."""
    if definition.kind in _NEVER or len(history) < LEAST_DAYS:
        return None
    last = history[-1]
    change = min(abs(value - last.value), abs(value - current))
    if change <= TOLERANCE or not _counts(definition, value, last.value):
        return None
    said = f"value {value_text(definition, value)} held back"
    usual = usual_change(history)
    if usual is not None and change > TIMES * usual * (1 + TOLERANCE):
        return f"{said}: {plain_number(change / usual, 1, (float(TIMES),))}× the usual change; is it right?"
    if items is None or not last.items:
        return None
    difference = items - last.items
    if abs(difference) >= LEAST_ITEMS and abs(difference) >= ITEMS * last.items - TOLERANCE:
        return f"{said}: from {items} items after {last.items}; is it right?"
    return None


def _counts(definition: Definition, value: float, before: float) -> bool:
    """Whether the change is one that people see as movement; bounds are judged by their value alone."""
    if definition.kind is not Kind.METRIC:
        return True
    now, then = raw_progress(definition, value), raw_progress(definition, before)
    return now is not None and then is not None and abs(now - then) > epsilon(definition) + TOLERANCE


def near(value: float, refused: float, history: Sequence[Told]) -> bool:
    """Whether a value is the refused one, or within the usual change of it: it was judged already."""
    return abs(value - refused) <= max(TOLERANCE * max(1.0, abs(refused)), TIMES * (usual_change(history) or 0.0))
