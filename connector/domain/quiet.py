"""The hours in which people are left in peace: nights, and whole weekends. Pure: moments, zones and hours are passed in."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from connector.domain.rhythm import WEEKEND
from connector.errors import InputError

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end`` by the person's own clock; ``start`` after ``end`` means over midnight. Weekends are quiet."""

    start: time
    end: time


def parse_quiet_hours(text: str) -> QuietHours | None:
    """ "20:00-07:00" → hours; "" → None: nobody is left in peace. Raises ``InputError``."""
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise InputError("must be two times such as 20:00-07:00, or empty for no quiet hours")
    hours = QuietHours(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
    if hours.start == hours.end:
        raise InputError("must begin and end at different times, such as 20:00-07:00, or be empty for no quiet hours")
    return hours


def is_quiet(hours: QuietHours | None, moment: datetime, zone: tzinfo, weekend: Collection[int] = WEEKEND) -> bool:
    """Whether the person is left in peace at this moment. ``weekend``: the days of the week that are off where they are."""
    if hours is None:
        return False
    local = moment.astimezone(zone)
    if local.weekday() in weekend:
        return True
    clock = local.time()
    if hours.start < hours.end:
        return hours.start <= clock < hours.end
    return clock >= hours.start or clock < hours.end


def reachable_from(hours: QuietHours | None, moment: datetime, zone: tzinfo, weekend: Collection[int] = WEEKEND) -> datetime:
    """The first moment (UTC) from ``moment`` on at which the person may be written to; ``moment`` itself outside quiet hours."""
    if hours is None or not is_quiet(hours, moment, zone, weekend):
        return moment
    day = moment.astimezone(zone).date()
    for _ in range(5):  # a weekend with the nights around it
        ends = datetime.combine(day, hours.end, tzinfo=zone).astimezone(UTC)
        begins = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)  # of the day after a weekend, without a quiet night
        for candidate in (begins, ends):
            if candidate > moment and not is_quiet(hours, candidate, zone, weekend):
                return candidate
        day += timedelta(days=1)
    return moment  # not reached: a working day has an hour that is not quiet
