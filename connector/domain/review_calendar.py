"""When a forum's reviews are, and until when updates count: days, holidays, the lock before each review.

Pure calendar arithmetic: the schedule, the holidays and the time zone are passed in. Must not read a clock.

Edges that the words leave open, decided here:

- Reviews keep the time on the wall through changes of summer time. A time that does not exist counts from the clock before the change
  (02:30 becomes 03:30), of one that comes twice the first counts. A day that a zone left out (Apia, 30 Dec 2011) is treated as a holiday.
- A review on a holiday moves to the next working day. When that is not before the next review's nominal day, it moves to the working day
  before instead: two reviews in one slot would be one too many.
- The lock is so many working days before the day on which the review really is, so a holiday moves it earlier, never later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from connector.domain.model import Cadence
from connector.domain.rhythm import CADENCE_DAYS, is_working_day, next_working_day

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_LOCK_DAYS = 4
_ANCHOR = date(1970, 1, 5)  # a Monday: fortnights without an anchor of their own count from here
_DAY = timedelta(days=1)
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a forum meets. ``weekday``: 0 is Monday · ``first_on``: a day in the week of its first review, from which fortnights count ·
    ``lock_days``: working days before the review, 0 for the same day, then ``lock_time`` is before ``at``.
    """  # fmt: skip

    weekday: int
    at: time
    cadence: Cadence
    zone: tzinfo
    lock_time: time
    lock_days: int = 1
    first_on: date | None = None
    holidays: Collection[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One review: its nominal ``day``, the day on which it ``is_on``, when it starts, and until when updates count (aware UTC)."""

    day: date
    is_on: date
    starts_at: datetime
    lock_at: datetime


def occurrences(schedule: Schedule, start: date, end: date) -> Iterator[Occurrence]:
    """The reviews whose nominal days lie from ``start`` to ``end``, both included, in their order."""
    step = timedelta(days=CADENCE_DAYS[schedule.cadence])
    anchor = _week(schedule.first_on or _ANCHOR) + timedelta(days=schedule.weekday)
    first = max(start, anchor) if schedule.first_on else start
    day = anchor + -(-(first - anchor) // step) * step
    while day <= end:
        yield _occurrence(schedule, day, step)
        day += step


def years_of(start: date, end: date) -> range:
    """The years whose holidays matter for reviews between two days: their moves and locks may reach over the turn of a year."""
    return range((start - timedelta(days=21)).year, (end + timedelta(days=21)).year + 1)


def moment_of(day: date, at: time, zone: tzinfo) -> datetime:
    """A time on the wall as a moment, in UTC."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)  # fold 0: before a gap's change, and the first of two


def _occurrence(schedule: Schedule, day: date, step: timedelta) -> Occurrence:
    is_on = _moved(schedule, day, step)
    lock_on = is_on
    for _ in range(schedule.lock_days):
        lock_on = _working_day_before(schedule, lock_on)
    starts_at, lock_at = moment_of(is_on, schedule.at, schedule.zone), moment_of(lock_on, schedule.lock_time, schedule.zone)
    if lock_at >= starts_at:  # the hour that a change of summer time takes away lies between them: then the wall's distance counts
        distance = datetime.combine(is_on, schedule.at) - datetime.combine(lock_on, schedule.lock_time)
        lock_at = starts_at - max(distance, timedelta(minutes=1))
    return Occurrence(day, is_on, starts_at, lock_at)


def _moved(schedule: Schedule, day: date, step: timedelta) -> date:
    """The day on which the review of a nominal day is."""
    if not _is_free(schedule, day):
        return day
    later = next_working_day(day, schedule.holidays)
    while _is_free(schedule, later):
        later = next_working_day(later, schedule.holidays)
    if later < day + step:
        return later
    earlier = _working_day_before(schedule, day)
    return earlier if earlier > day - step else later


def _working_day_before(schedule: Schedule, day: date) -> date:
    before = day - _DAY
    while not is_working_day(before, schedule.holidays) or _is_free(schedule, before):
        before -= _DAY
    return before


def _is_free(schedule: Schedule, day: date) -> bool:
    """Whether nobody meets on this day. A forum may choose a weekend's day: then that is one of its working days."""
    return day in schedule.holidays or moment_of(day, _NOON, schedule.zone).astimezone(schedule.zone).date() != day


def _week(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())
