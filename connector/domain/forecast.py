"""Where a key result ends at its recent rate, and how much faster it must go.

Pure arithmetic on points (moment, value). Must not decide a state: ``triage`` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median

from connector.domain.model import Definition, Kind, Point
from connector.domain.scoring import raw_progress

LAST_VALUES = 5
"""How many values make the recent rate."""
LEAST_POINTS = 3
"""How many values a forecast takes that people are shown."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """``value`` at the asked moment in the key result's unit, if it goes on at ``slope`` units a day."""

    value: float
    slope: float


def thinned(points: Iterable[Point], apart: timedelta) -> tuple[Point, ...]:
    """Points at least ``apart`` from each other, chosen backwards from the newest; oldest first.

    A webhook can store ten readings in a minute; their slopes say nothing about weeks.
    """
    kept: list[Point] = []
    for point in reversed(_distinct(points)):
        if not kept or kept[-1].at - point.at >= apart:
            kept.append(point)
    return tuple(reversed(kept))


def _distinct(points: Iterable[Point]) -> list[Point]:
    """Oldest first, one value for a moment: the one that was told last."""
    return sorted({point.at: point for point in points if math.isfinite(point.value)}.values(), key=lambda point: point.at)


def theil_sen(points: Sequence[Point]) -> float | None:
    """Median of the slopes between all pairs of the last five values with distinct times, in units a day; None below two."""
    recent = _distinct(points)[-LAST_VALUES:]
    slopes = [(after.value - before.value) / ((after.at - before.at) / _DAY) for before, after in combinations(recent, 2)]
    return median(slopes) if slopes else None


def forecast(points: Sequence[Point], at: datetime) -> Forecast | None:
    """The last value, extended with the recent slope to ``at``; None below two values, or where it is beyond all numbers.

    A moment in the past gives the last value.
    """
    slope = theil_sen(points)
    if slope is None:
        return None
    last = _distinct(points)[-1]
    value = last.value + slope * max(0.0, (at - last.at) / _DAY)
    return Forecast(value, slope) if math.isfinite(value) and math.isfinite(slope) else None


def recent_points(
    told: Iterable[Point], read: Iterable[Point], current: float | None, today: datetime, length: timedelta, *, fed: bool
) -> tuple[Point, ...]:
    """What the recent rate is judged by: values of check-ins and readings, and the one of today, half a cadence apart.

    Readings are stored when they differ. A source that still answers and says the same (``fed``) is a value of today, not an old slope;
    and a value that was read just now may not be among the points yet. ``today``: midnight, so that the rate stays the same for a day.
    """
    points = tuple(sorted((*told, *read), key=lambda point: point.at))  # stable: at one moment the reading wins
    if current is not None and points:
        last = points[-1]
        if last.value != current or (fed and today - last.at >= length / 2):
            points = (*points, Point(max(today, last.at + timedelta(seconds=1)), current))
    return thinned(points, length / 2)


def outlook(points: Sequence[Point], at: datetime, length: timedelta) -> Forecast | None:
    """The forecast of ``recent_points``; None below three of them, or when they span less than one cadence."""
    if len(points) < LEAST_POINTS or points[-1].at - points[0].at < length:
        return None
    return forecast(points, at)


def required_rate(definition: Definition, current: float | None, days_left: float) -> float | None:
    """Units a day that are needed to reach the target, negative for a falling one; 0 once reached.

    None when the value is unknown, no time is left or the kind has no way to travel.
    """
    raw = raw_progress(definition, current)
    if definition.kind is not Kind.METRIC or raw is None or current is None or definition.target is None or days_left <= 0:
        return None
    return 0.0 if raw >= 1.0 else (definition.target - current) / days_left


def rate_ratio(required: float | None, recent: float | None) -> float | None:
    """How many times the recent rate is needed; infinite when the recent rate is 0 or leads away; None when either is unknown."""
    if required is None or recent is None:
        return None
    if required == 0:
        return 0.0
    if recent == 0 or (recent > 0) != (required > 0):
        return math.inf
    return required / recent
