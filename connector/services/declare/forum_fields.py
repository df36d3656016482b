"""How a forum meets, in the words of the file of ``apply``, which the pages and the API share: read, checked, stored, shown.

People are named by e-mail address and read by the caller. What is not said stays as it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, time
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connector.domain.model import Cadence
from connector.domain.review_calendar import MOST_LOCK_DAYS, WEEKDAYS
from connector.errors import InputError
from connector.services import calendars
from connector.services.declare import reading
from connector.services.declare.definitions import read_cadence
from connector.services.declare.document import join
from connector.services.declare.reading import Fields
from connector.store.tables import Forum, ForumMember
from mappings.reading import as_mapping, as_text, near

View = dict[str, Any]
Reader = Callable[[Any, str], Any]

LEAST_MINUTES, MOST_MINUTES = 5, 240
DEFAULTS: Mapping[str, Any] = {
    "sponsor": None,
    "leaders": [],
    "members": [],
    "weekday": None,
    "time": "10:00",
    "cadence": "weekly",
    "first_on": None,
    "zone": "",
    "country": "",
    "lock": {"time": "16:00", "days_before": 1},
    "minutes": 30,
    "pack": False,
}
KEYS = ("name", "caller", *DEFAULTS)
_TIME = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")
_LOCK = ("time", "days_before")


def read_said(fields: Fields, one: Reader, several: Reader) -> View:
    """Of the keys of a forum those that stand here, as the views have them. ``one`` and ``several`` read people.

    What is wrong is noted. Keys that stand without a value mean their default.
    """
    said = fields.said(
        sponsor=(one, None),
        leaders=(several, []),
        members=(several, []),
        weekday=(weekday, None),
        time=(clock_time, DEFAULTS["time"]),
        cadence=(lambda value, where: read_cadence(value, where).value, DEFAULTS["cadence"]),
        first_on=(iso_day, None),
        zone=(zone, ""),
        country=(_country, ""),
        minutes=(minutes, DEFAULTS["minutes"]),
        pack=(reading.flag, False),
    )
    if "lock" in fields.given:
        said["lock"] = _lock(fields)
    if "leaders" in said and "members" in said:  # who leads is a member anyway
        said["members"] = [each for each in said["members"] if each not in said["leaders"]]
    return said


def check_together(fields: Fields, view: Mapping[str, Any]) -> None:
    """Note what fits alone and not together: a lock that is not before its review."""
    lock = view["lock"]
    if lock["days_before"] == 0 and lock["time"] >= view["time"]:
        fields.notes.add(
            f"the lock ({lock['time']}) is not before the review ({view['time']}) of the same day; choose an earlier time, or a day before",
            join(fields.where, "lock.time"),
        )


def view_of_row(row: Forum) -> View:
    """The schedule of a stored forum; people are the caller's part."""
    return {
        "weekday": WEEKDAYS[row.weekday] if row.weekday is not None else None,
        "time": row.time,
        "cadence": row.cadence,
        "first_on": row.first_on.isoformat() if row.first_on else None,
        "zone": row.zone,
        "country": row.country,
        "lock": {"time": row.lock_time, "days_before": row.lock_days},
        "minutes": row.minutes,
        "pack": row.pack,
    }


def write_row(row: Forum, said: Mapping[str, Any], today: date) -> None:
    """Store what is said of a schedule. A fortnightly one that names no week begins with the next one of its weekday."""
    if "weekday" in said:
        row.weekday = WEEKDAYS.index(said["weekday"]) if said["weekday"] is not None else None
    for name in ("time", "cadence", "zone", "country", "minutes", "pack"):
        if name in said:
            setattr(row, name, said[name])
    if "lock" in said:
        row.lock_time, row.lock_days = said["lock"]["time"], said["lock"]["days_before"]
    if "first_on" in said:
        row.first_on = date.fromisoformat(said["first_on"]) if said["first_on"] else None
    if row.cadence == Cadence.FORTNIGHTLY.value and row.weekday is not None and row.first_on is None:
        row.first_on = date.fromordinal(today.toordinal() + (row.weekday - today.weekday()) % 7)


def write_people(session: Session, forum_id: int, leaders: Collection[int] | None, members: Collection[int] | None) -> None:
    """Store who leads and who else takes part, by id; None leaves them as they are. Who is named as both leads."""
    stays = {True: leaders is None, False: members is None}
    taken = [each for each in (True, False) if not stays[each]]
    session.execute(delete(ForumMember).where(ForumMember.forum_id == forum_id, ForumMember.leader.in_(taken)))
    if leaders:
        session.execute(delete(ForumMember).where(ForumMember.forum_id == forum_id, ForumMember.person_id.in_(leaders)))
        session.add_all(ForumMember(forum_id=forum_id, person_id=each, leader=True) for each in sorted(set(leaders)))
        session.flush()
    lead = set(session.scalars(select(ForumMember.person_id).where(ForumMember.forum_id == forum_id, ForumMember.leader.is_(True))))
    others = set(members or ()) - lead
    session.add_all(ForumMember(forum_id=forum_id, person_id=each, leader=False) for each in sorted(others))
    session.flush()


def weekday(value: Any, where: str) -> str:
    """The name of a weekday, also as "Thu"."""
    found = as_text(value, where).lower()
    named = [each for each in WEEKDAYS if each == found or (len(found) >= 2 and each.startswith(found))]
    if len(named) != 1:
        raise InputError(f"{found[:40]!r} is not a weekday{near(found, WEEKDAYS) or '; write monday to sunday'}", where=where)
    return named[0]


def clock_time(value: Any, where: str) -> str:
    """A time of day, such as "10:00"."""
    if isinstance(value, int) and not isinstance(value, bool) and 60 <= value < 24 * 60:  # YAML reads a bare 10:00 as 600
        return f"{time(value // 60, value % 60):%H:%M}"
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise InputError('must be a time of day such as "10:00"', where=where)
    return f"{int(found[1]):02}:{found[2]}"


def zone(value: Any, where: str) -> str:
    """The name of a time zone, "" for the installation's."""
    return calendars.zone_name(reading.maybe_empty(value, where), where=where)


def iso_day(value: Any, where: str) -> str:
    """A day as views have it."""
    return reading.day(value, where).isoformat()


def minutes(value: Any, where: str) -> int:
    """How long a review may take."""
    found = reading.whole(value, where)
    if not LEAST_MINUTES <= found <= MOST_MINUTES:
        raise InputError(f"a review takes {LEAST_MINUTES} to {MOST_MINUTES} minutes; 30 are usual", where=where)
    return found


def _country(value: Any, where: str) -> str:
    code = "NO" if value is False else reading.maybe_empty(value, where)  # YAML reads Norway's bare code as "no"
    return calendars.country_code(code, where=where)


def _lock(fields: Fields) -> dict[str, Any]:
    given, place = fields.raw("lock")
    found: dict[str, Any] = dict(DEFAULTS["lock"])
    if given is None:
        return found
    with fields.notes.noting():
        told = as_mapping(given, place)
        for key in told:
            if key not in _LOCK:
                fields.notes.add(f"unknown key {key!r}{near(key, _LOCK) or '; known are time and days_before'}", join(place, key))
        inner = Fields(fields.notes, told, place)
        found["time"] = inner.take("time", clock_time) or found["time"]
        before = inner.take("days_before", _days_before)
        found["days_before"] = found["days_before"] if before is None else before
    return found


def _days_before(value: Any, where: str) -> int:
    found = reading.whole(value, where)
    if not 0 <= found <= MOST_LOCK_DAYS:
        raise InputError(f"the lock is 0 to {MOST_LOCK_DAYS} working days before the review; 1 is usual", where=where)
    return found
