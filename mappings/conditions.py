"""Asks a condition of a property's value: groups, bounds, windows of days, people, pages. Pure: the day comes in with the clock.

A value that cannot be read is never a no: the answer is None then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from connector.domain.model import FieldValue, Unknown
from mappings.terms import BOUNDS, DAYS, WINDOWS, Condition, Op, Plain, Wishes, plain_name

GROUP_MARK = "#group"  # "Stage#group": the group that the option of Stage stands in

_DAY = len("2026-11-30")

_GROUPS = {
    "to-do": "new",
    "to do": "new",
    "todo": "new",
    "not started": "new",
    "new": "new",
    "in progress": "started",
    "started": "started",
    "complete": "done",
    "completed": "done",
    "done": "done",
}


def group_name(text: str) -> str:
    """A group's name as it is compared: Notion's own three by their meaning, others by their letters."""
    plain = plain_name(text)
    return _GROUPS.get(plain, plain)


def needs_clock(wishes: Wishes) -> bool:
    """True when a day matters: the time zone in which it is one, today, or the cycle."""
    dated = WINDOWS | DAYS
    return any(
        any(op in dated for op, _ in each.tests) if isinstance(each, Condition) else isinstance(each, str) and is_day(each)
        for wished in wishes.values()
        for each in wished
    )


def holds(condition: Condition, value: FieldValue, group: FieldValue, refs: Mapping[str, str], clock: Mapping[str, str]) -> bool | None:
    """Do all tests hold of the value? None: one cannot be told, and none says no.

    ``group``: the group of the value's option · ``refs``: person or page as written → id · ``clock``: see ``window``.
    """
    answers = [_holds(op, wished, value, group, refs, clock) for op, wished in condition.tests]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(
    op: Op, wished: Plain | tuple[str, ...], value: FieldValue, group: FieldValue, refs: Mapping[str, str], clock: Mapping[str, str]
) -> bool | None:
    if op is Op.GROUP:
        if isinstance(group, Unknown):
            return None
        names = group if isinstance(group, tuple) else (str(group),) if group is not None else ()
        return group_name(str(wished)) in {group_name(each) for each in names}
    if isinstance(value, Unknown):
        return None
    if op is Op.EMPTY:
        return (value is None or value in ("", ())) is wished
    if op in BOUNDS:
        return isinstance(wished, float) and isinstance(value, float) and _within(op, value, wished)
    if op in DAYS or op in WINDOWS:
        return _in_window(op, wished, value, clock)
    entries = value if isinstance(value, tuple) else () if value is None else (_text(value),)
    if op is Op.ALL or op is Op.NOT:
        wanted = {str(each) for each in wished} if isinstance(wished, tuple) else {str(wished)}
        return wanted <= set(entries) if op is Op.ALL else wanted.isdisjoint(entries)
    if op is Op.CONTAINS:
        return any(str(wished).casefold() in entry.casefold() for entry in entries)
    return refs.get(str(wished), str(wished)) in entries


def _text(value: str | float | bool) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _within(op: Op, value: float, bound: float) -> bool:
    match op:
        case Op.BELOW:
            return value < bound
        case Op.AT_MOST:
            return value <= bound
        case Op.ABOVE:
            return value > bound
        case _:
            return value >= bound


def window(op: Op, wished: Plain | tuple[str, ...], clock: Mapping[str, str]) -> tuple[date | None, date | None] | None:
    """(first day, last day) that a test about days lets through, None for an open side; None where nobody can say.

    ``clock`` holds ``zone``, ``today``, and where the cycle is known ``begin`` and ``end`` (both days belong to it).
    """
    one = timedelta(days=1)
    try:
        if op in DAYS:
            day = date.fromisoformat(str(wished))
            return {
                Op.BEFORE: (None, day - one),
                Op.ON_OR_BEFORE: (None, day),
                Op.AFTER: (day + one, None),
                Op.ON_OR_AFTER: (day, None),
            }[op]
        if op is Op.CYCLE:
            return date.fromisoformat(clock["begin"]), date.fromisoformat(clock["end"])
        today, reach = date.fromisoformat(clock["today"]), timedelta(days=int(wished) - 1 if isinstance(wished, float) else 0)
        return (today - reach, today) if op is Op.LAST_DAYS else (today, today + reach)
    except (KeyError, OverflowError):
        return None


def _in_window(op: Op, wished: Plain | tuple[str, ...], value: FieldValue, clock: Mapping[str, str]) -> bool | None:
    span = window(op, wished, clock)
    if span is None:
        return None
    if not isinstance(value, str):
        return False
    day = day_of(value, clock.get("zone", ""))
    if day is None:
        return None
    first, last = span
    return (first is None or first <= day) and (last is None or day <= last)


def is_day(text: str) -> bool:
    """True for a day as 2026-11-30, and nothing else."""
    return len(text) == _DAY and day_of(text, "") is not None


def day_of(text: str, zone: str) -> date | None:
    """The day of a date or time as the host writes it; a time counts in the zone, where one is told. None for anything else."""
    try:
        if len(text) == _DAY:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(_zone(zone)) if zone and moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
