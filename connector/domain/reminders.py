"""When a lock is reminded of, and whether an update is missing for it. Pure: moments and zones are passed in.

The steps of a lock are a day before it (the same time on the wall), two hours before, and the lock itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from connector.domain import rhythm
from connector.domain.model import Cadence

COLLECTED = timedelta(hours=4)
"""What else falls due within so much is told in the same digest."""
_MOVED = timedelta(days=2)  # by so much may a holiday bring a lock nearer to the one before


class Step(StrEnum):
    """One of the moments at which an update is reminded of."""

    DAY = "day"
    HOURS = "hours"
    LOCK = "lock"


def steps_of(lock_at: datetime, zone: tzinfo) -> dict[Step, datetime]:
    """The moments (UTC) of a lock's steps."""
    before = (lock_at.astimezone(zone) - timedelta(days=1)).astimezone(UTC)
    return {Step.DAY: before, Step.HOURS: lock_at - timedelta(hours=2), Step.LOCK: lock_at}


def step_now(lock_at: datetime, starts_at: datetime, zone: tzinfo, now: datetime) -> Step | None:
    """The step whose time it is: the latest that has come; None before the first, and once the review begins."""
    if now >= starts_at:
        return None
    return next((step for step, moment in reversed(steps_of(lock_at, zone).items()) if moment <= now), None)


def steps_soon(lock_at: datetime, starts_at: datetime, zone: tzinfo, now: datetime) -> list[Step]:
    """The steps that come soon enough to be told in a digest of now, the next first."""
    if now >= starts_at:
        return []
    return [step for step, moment in steps_of(lock_at, zone).items() if now < moment <= now + COLLECTED]


def asked_since(cadence: Cadence, lock_at: datetime, earlier_locks: Sequence[datetime], zone: tzinfo) -> datetime:
    """An update after this moment is one for this lock: the lock one cadence before, wherever a holiday moved it.

    A fortnightly key result in a weekly forum is asked for one at every other lock.
    """
    one_before = (lock_at.astimezone(zone) - rhythm.cadence_length(cadence)).astimezone(UTC)
    return max((each for each in earlier_locks if each <= one_before + _MOVED), default=one_before)


def is_missing(
    cadence: Cadence,
    last: datetime | None,
    begun: datetime,
    lock_at: datetime,
    earlier_locks: Sequence[datetime],
    now: datetime,
    zone: tzinfo,
    holidays: Collection[date] = frozenset(),
) -> bool:
    """Whether an update is missing for a lock. ``last``: the last complete update; ``begun``: since when updates are asked for.

    Where a forum meets less often than a key result is updated, an update that its own cadence asks for is missing too.
    """
    since, told = asked_since(cadence, lock_at, earlier_locks, zone), max(last, begun) if last else begun
    if told <= since:
        return True
    seldom = lock_at - since > rhythm.cadence_length(cadence) + 2 * _MOVED
    return seldom and rhythm.is_overdue(cadence, told, now, zone, holidays)
