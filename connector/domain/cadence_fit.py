"""How often a value really changes, and which cadence fits that (S13, R049). Pure.

Genuine changes only: a number that is repeated, or moves less than people can see, is none. Monthly is never offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median

from connector.domain.model import Cadence, Definition, Kind, Movement, Point
from connector.domain.scoring import BOUND_KINDS, TOLERANCE, movement

WEEKLY_UP_TO = 9  # days between changes
FORTNIGHTLY_UP_TO = 18
LEAST_CHANGES = 3  # gaps between three changes are the least that a median says something about
STEPS = (Kind.YES_NO, Kind.MILESTONES)  # they change when a step is done, whatever the cadence
LEADING = "add a leading measure: this number cannot warn you in time"


@dataclass(frozen=True, slots=True)
class Fit:
    """``gap``: median days between changes, None when too few were seen; ``changes``: how many were seen."""

    gap: float | None
    changes: int
    cadence: Cadence | None = None  # that fits, None while nobody can tell
    leading: bool = False  # it changes so rarely that something earlier has to be measured too

    def fits(self, cadence: Cadence) -> bool | None:
        """Whether a cadence suits the number; None while nobody can tell."""
        return None if self.cadence is None else self.cadence is cadence and not self.leading


def fit(definition: Definition, points: Sequence[Point], zone: tzinfo) -> Fit:
    """What the history of a value says."""
    days = _changes(definition, points, zone)
    if definition.kind in STEPS or len(days) < LEAST_CHANGES:
        return Fit(None, len(days))
    gap = float(median((after - before).days for before, after in pairwise(days)))
    if gap <= WEEKLY_UP_TO:
        return Fit(gap, len(days), Cadence.WEEKLY)
    return Fit(gap, len(days), Cadence.FORTNIGHTLY, leading=gap > FORTNIGHTLY_UP_TO)


def _changes(definition: Definition, points: Sequence[Point], zone: tzinfo) -> list[date]:
    """The days on which the value left the one of before by more than noise; several changes of a day are one."""
    found: list[date] = []
    before: float | None = None
    for point in sorted(points, key=lambda each: each.at):
        if before is None:
            before = point.value
            continue
        if not _changed(definition, before, point.value):
            continue
        before = point.value
        day = point.at.astimezone(zone).date()
        if not found or found[-1] != day:
            found.append(day)
    return found


def _changed(definition: Definition, before: float, now: float) -> bool:
    """A bound is kept or not whatever its number does, so there every other number counts."""
    if definition.kind in BOUND_KINDS:
        return abs(now - before) > TOLERANCE
    return movement(definition, before, now) in (Movement.UP, Movement.DOWN)


def sentence(found: Fit, cadence: Cadence) -> str:
    """What is proposed, "" when the cadence fits or nobody can tell."""
    if found.gap is None or found.cadence is None or found.fits(cadence):
        return ""
    seen = f"It changes about every {found.gap:g} days ({found.changes} changes seen) and is asked for {cadence.value}."
    if found.leading:
        kept = "Keep" if cadence is Cadence.FORTNIGHTLY else "Ask"
        return f"{seen} {kept} fortnightly, and {LEADING}."
    return f"{seen} Would {found.cadence.value} fit better?"


def since(now: datetime, weeks: int = 26) -> datetime:
    """How far back changes are looked at."""
    return now - timedelta(weeks=weeks)
