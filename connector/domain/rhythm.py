"""Days and moments: working days, what is expected by today, when a check-in is due.

Pure calendar arithmetic; the day, the moment, the time zone and the holidays are passed in. Must not read a clock.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from connector.domain.model import Cadence, Cycle, Definition, Kind
from connector.domain.scoring import TOLERANCE, raw_progress
from connector.errors import InputError

CADENCE_DAYS = {Cadence.WEEKLY: 7, Cadence.FORTNIGHTLY: 14}
TOO_EARLY = 0.10
"""Share of the cycle before which a pace says nothing."""

_NAMES = {"weekly": Cadence.WEEKLY, "week": Cadence.WEEKLY, "every week": Cadence.WEEKLY, "fortnightly": Cadence.FORTNIGHTLY,
          "fortnight": Cadence.FORTNIGHTLY, "biweekly": Cadence.FORTNIGHTLY, "bi-weekly": Cadence.FORTNIGHTLY,
          "every two weeks": Cadence.FORTNIGHTLY}  # fmt: skip
_LONG = re.compile(r"month|quarter|year|annual")
_COUNT = re.compile(r"(?:every )?(\d{1,4}) ?(d|days?|w|weeks?)?")


WEEKEND = frozenset({5, 6})
"""Saturday and Sunday, as ``date.weekday`` counts them: the weekend where no country says another."""


class Holidays(frozenset[date]):
    """Public holidays of a country together with its ``weekend``. A plain collection of days has the weekend of Saturday and Sunday."""

    weekend: frozenset[int] = WEEKEND

    @classmethod
    def of(cls, days: Iterable[date], weekend: frozenset[int] = WEEKEND) -> Holidays:
        """These days, and which days of a week are off."""
        found = cls(days)
        found.weekend = weekend
        return found


def weekend_of(holidays: Collection[date]) -> frozenset[int]:
    """The days of the week that are off."""
    return holidays.weekend if isinstance(holidays, Holidays) else WEEKEND


def is_working_day(day: date, holidays: Collection[date] = frozenset()) -> bool:
    """Whether a day is neither a holiday nor on the weekend."""
    return day.weekday() not in weekend_of(holidays) and day not in holidays


@dataclass(frozen=True, slots=True)
class Expected:
    """What should be reached by today: ``value`` 0-1, None for kinds without a pace; ``day`` of ``days`` are working days."""

    value: float | None
    too_early: bool
    day: int
    days: int


def working_days(start: date, end: date, holidays: Collection[date] = frozenset()) -> int:
    """Days from ``start`` to ``end``, both included, without weekends and holidays; 0 when the end is before the start."""
    if end < start:
        return 0
    weekend = weekend_of(holidays)
    weeks, rest = divmod((end - start).days + 1, 7)
    count = weeks * (7 - len(weekend)) + sum((start.weekday() + offset) % 7 not in weekend for offset in range(rest))
    return count - sum(start <= day <= end and day.weekday() not in weekend for day in set(holidays))


def next_working_day(day: date, holidays: Collection[date] = frozenset()) -> date:
    """The first working day after ``day``."""
    following = day + timedelta(days=1)
    while not is_working_day(following, holidays):
        following += timedelta(days=1)
    return following


def after_working_days(moment: datetime, days: float, zone: tzinfo, holidays: Collection[date] = frozenset()) -> datetime:
    """The moment (UTC) so many working days after another, at the same time on the wall; from a day off it counts from the next morning.

    Half a day is twelve hours: Monday 09:00 and 1.5 days is Tuesday 21:00.
    """
    local = moment.astimezone(zone)
    day, at = local.date(), local.time()
    if not is_working_day(day, holidays):
        day, at = next_working_day(day, holidays), time()
    whole = int(days)
    for _ in range(whole):
        day = next_working_day(day, holidays)
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC) + timedelta(days=days - whole)


def expected(
    cycle: Cycle, today: date, definition: Definition | None = None, holidays: Collection[date] = frozenset(), too_early: float = TOO_EARLY
) -> Expected:
    """Elapsed working days over all working days of the cycle, today included; or the definition's phased targets, interpolated.

    Before ``too_early`` of the cycle nobody can be late. Before the start 0, after the end 1. Bounds and yes/no have no pace: None.
    A cycle without a single working day counts calendar days.
    """
    days, day = _position(cycle, cycle.end, holidays), _position(cycle, min(today, cycle.end), holidays)
    share = min(1.0, day / days) if days else float(today >= cycle.end)
    early = share < too_early - TOLERANCE
    if definition is None or (definition.kind is Kind.METRIC and not definition.phased_targets):
        return Expected(share, early, day, days)
    if definition.kind not in (Kind.METRIC, Kind.MILESTONES):
        return Expected(None, early, day, days)
    return Expected(_phased(cycle, today, definition, holidays, share), early, day, days)


def _position(cycle: Cycle, day: date, holidays: Collection[date]) -> int:
    """How many days of the cycle have elapsed when ``day`` is over."""
    if working_days(cycle.start, cycle.end, holidays):
        return working_days(cycle.start, day, holidays)
    return max(0, (day - cycle.start).days + 1)


def _phased(cycle: Cycle, today: date, definition: Definition, holidays: Collection[date], share: float) -> float:
    """Straight lines from (start of the cycle, 0) through the phased targets to (end of the cycle, 1)."""
    phases = [(phase.day, raw_progress(definition, phase.value)) for phase in definition.phased_targets]
    knots = {_position(cycle, day, holidays): progress for day, progress in phases if progress is not None}
    if not knots or today < cycle.start:
        return share if today >= cycle.start else 0.0
    knots.setdefault(0, 0.0)
    end = _position(cycle, cycle.end, holidays)
    if end > max(knots):
        knots[end] = 1.0
    at = _position(cycle, min(today, cycle.end), holidays)
    before = max(position for position in knots if position <= at)
    after = min((position for position in knots if position > at), default=before)
    progress = knots[before]
    if after > before:
        progress += (at - before) / (after - before) * (knots[after] - knots[before])
    return min(1.0, max(0.0, progress))


# --- cadence -------------------------------------------------------------------------------------------------------------------


def parse_cadence(text: str) -> Cadence:
    """ "weekly" or "fortnightly", also as "7 days" or "2 weeks". Raises ``InputError`` with the reason for anything longer (R048)."""
    words = " ".join(text.lower().split())
    if words in _NAMES:
        return _NAMES[words]
    count = _COUNT.fullmatch(words)
    days = int(count[1]) * (7 if (count[2] or "d").startswith("w") else 1) if count else None
    for cadence, length in CADENCE_DAYS.items():
        if days == length:
            return cadence
    if _LONG.search(words) or (days is not None and days >= 28):
        raise InputError(
            f"{text.strip()!r} is too slow: with check-ins a month apart a cycle has three, and trouble shows when it is too late; "
            "choose weekly or fortnightly",
            where="cadence",
        )
    raise InputError(f"{text.strip()!r} is not a cadence; choose weekly or fortnightly", where="cadence")


def cadence_length(cadence: Cadence) -> timedelta:
    """One cadence as a duration."""
    return timedelta(days=CADENCE_DAYS[cadence])


def due_by(cadence: Cadence, last: datetime, zone: tzinfo, holidays: Collection[date] = frozenset(), times: int = 1) -> datetime:
    """The moment (UTC) until which the next check-in is on time: ``times`` cadences after the last one, and one working day of grace.

    Counted in local days at the same time of day, so a change to summer time moves nothing. Machine syncs are no check-ins.
    """
    local = last.astimezone(zone)
    day = next_working_day(local.date() + times * cadence_length(cadence), holidays)
    return datetime.combine(day, local.time(), tzinfo=zone).astimezone(UTC)


def is_overdue(cadence: Cadence, last: datetime, now: datetime, zone: tzinfo, holidays: Collection[date] = frozenset()) -> bool:
    """True when the moment of ``due_by`` has passed; exactly on it is still on time."""
    return now > due_by(cadence, last, zone, holidays)


def missed_check_ins(cadence: Cadence, last: datetime, now: datetime, zone: tzinfo, holidays: Collection[date] = frozenset()) -> int:
    """How many due check-ins in a row did not come: 1 is a badge, 2 concerns the lead, 3 the sponsor (R056)."""
    missed = max(0, (now - last) // cadence_length(cadence))  # at most so many; grace takes the youngest away again
    while missed and now <= due_by(cadence, last, zone, holidays, times=missed):
        missed -= 1
    return missed


def start_of_day(moment: datetime, zone: tzinfo) -> datetime:
    """Local midnight of a moment's day, in UTC: a "now" that stays the same for a day."""
    return datetime.combine(moment.astimezone(zone).date(), time(), tzinfo=zone).astimezone(UTC)
