"""The clocks by which further people hear of what stays unanswered. Pure: moments, zones and holidays are passed in.

A missed update: once it is a badge, twice the lead hears of it, three times the sponsor. A blocker: the lead after one cadence or three
working days, who can call decisions after two or five, the sponsor after three or eight; whichever comes first.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, tzinfo

from connector.domain import rhythm
from connector.domain.model import Cadence
from connector.domain.rhythm import Expected
from connector.domain.scoring import TOLERANCE

MOST_MISSED = 3
WORKING_DAYS = (3, 5, 8)
LATE_SHARE = 0.25
"""With less than this share of the cycle left every step of a blocker comes in half the time."""
QUESTIONS = {
    "missed": "What keeps the update from being made, and who can help?",
    "blocker": "What frees it, and who decides that?",
}
_TIMES = {1: "once", 2: "twice", 3: "three times"}


def times(number: int) -> str:
    """ "once", "twice", "three times"."""
    return _TIMES.get(number, f"{number} times")


def missed_text(number: int) -> str:
    """The badge of a key result whose update did not come: "no update, twice"; "" when none was missed."""
    return f"no update, {times(number)}" if number > 0 else ""


def is_late_in_cycle(start: date, end: date, today: date) -> bool:
    """Whether less than a quarter of the cycle is left, today included."""
    days = (end - start).days + 1
    return (end - today).days + 1 < LATE_SHARE * days


def is_past(
    since: datetime, now: datetime, cadence: Cadence, zone: tzinfo, plan: Expected, holidays: Collection[date] = frozenset()
) -> bool:
    """Whether a blocker is past its clock: the lead would have heard of it, or less than a quarter of the cycle is left (R067, S3)."""
    late = plan.days > 0 and (plan.days - plan.day) / plan.days < LATE_SHARE - TOLERANCE
    return late or now >= clock(since, cadence, zone, holidays)[0]


def clock(
    since: datetime, cadence: Cadence, zone: tzinfo, holidays: Collection[date] = frozenset(), *, halved: bool = False
) -> list[datetime]:
    """The moments (UTC) at which the lead, who can call decisions, and the sponsor hear of a blocker that began at ``since``."""
    factor = 0.5 if halved else 1.0
    local = since.astimezone(zone)
    found = []
    for number, days in enumerate(WORKING_DAYS, start=1):
        length = rhythm.cadence_length(cadence) * number * factor
        whole = timedelta(days=length.days)
        by_cadence = (local + whole).astimezone(UTC) + (length - whole)  # whole days by the wall, the rest as it passes
        found.append(min(by_cadence, rhythm.after_working_days(since, days * factor, zone, holidays)))
    return found
