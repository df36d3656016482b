"""The last responsible moment (S8): the day on which the rate that is needed crosses the best one that was ever kept up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from connector.domain.model import Definition, Kind, State
from connector.domain.scoring import TOLERANCE, raw_progress
from connector.domain.signals import Seen
from connector.domain.signals.known import Known, percentile
from connector.domain.triage import Edges
from connector.domain.wording import day_text, percent_text

SPAN = 4
"""Weeks that make a sustained rate."""
LEAST_WINDOWS = 3
"""Spans of a history that are needed to speak of its best."""
BEST = 0.8
AHEAD = timedelta(days=7)
"""So long before the moment it is said."""
_UNTOLD = frozenset({State.NO_DATA, State.DATA_LATE, State.CLOSED})


@dataclass(frozen=True, slots=True)
class Moment:
    """``decide_by``: the last day on which recovery is plausible. Rates are progress a day; ``passed``: that day is over."""

    decide_by: date
    best: float
    remaining: float
    passed: bool


def slopes(weekly: Sequence[float | None]) -> list[float]:
    """The progress a day over each four weeks of weekly progress (oldest first); spans with an unknown end are left out."""
    found = []
    for place in range(SPAN, len(weekly)):
        before, after = weekly[place - SPAN], weekly[place]
        if before is not None and after is not None:
            found.append((after - before) / (SPAN * 7))
    return found


def best_rate(windows: Sequence[float]) -> float | None:
    """The 80th percentile of four-week slopes; None with too few of them, or when it leads nowhere."""
    if len(windows) < LEAST_WINDOWS:
        return None
    best = percentile(windows, BEST)
    return best if best is not None and best > TOLERANCE else None


def windows_of(definition: Definition, values: Sequence[float | None]) -> list[float]:
    """The four-week slopes of weekly values, as progress a day."""
    return slopes([raw_progress(definition, value) for value in values])


def days_before_end(remaining: float, best: float) -> float:
    """How many days before the end the needed rate crosses the best one: both in the same unit."""
    return remaining / best


def last_moment_of(known: Known) -> Moment | None:
    """The moment of a metric that does not end near its target at the recent rate; None for any other, or without a known best rate."""
    if known.definition.kind is not Kind.METRIC or known.raw is None or known.arrived or known.best is None or known.state in _UNTOLD:
        return None
    ahead = known.outlook()
    progress = raw_progress(known.definition, ahead.value) if ahead else None
    if progress is None or progress >= Edges().on_track - TOLERANCE:
        return None
    days = math.ceil(days_before_end(1.0 - known.raw, known.best) - TOLERANCE)
    decide_by = known.cycle.end - timedelta(days=min(days, 36_500))
    return Moment(decide_by, known.best, 1.0 - known.raw, known.today > decide_by)


def in_time(moment: Moment, known: Known) -> bool:
    """Whether the day lies in the time of the key result: before its start nobody could have decided."""
    return moment.decide_by >= known.started_at.astimezone(known.zone).date()


def last_moment(known: Known) -> Seen | None:
    """Said from a week before it."""
    found = last_moment_of(known)
    if found is None or known.today < found.decide_by - AHEAD:
        return None
    whose = "" if known.best_of == "key result" else " of the team"
    rate = f"{percent_text(found.best * 7)} a week"
    rest = f"{percent_text(found.remaining)} of the way is left"
    day = day_text(found.decide_by)
    if found.passed:
        since = f" since {day}" if in_time(found, known) else ""
        sentence = f"Recovery is not plausible at known rates{since}: {rest}, and the best rate{whose} is {rate}."
    else:
        sentence = f"Decide by {day}: {rest}, and after that day not even the best rate{whose}, {rate}, is enough."
    numbers = {
        "decide_by": found.decide_by.isoformat(),
        "best": float(f"{found.best:.6g}"),
        "best_of": known.best_of,
        "remaining": round(found.remaining, 4),
        "passed": found.passed,
    }
    return Seen("last_moment", known.id, sentence, numbers)
