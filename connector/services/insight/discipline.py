"""How updates come: on time, late, missing or unfinished, by team. Never by person: this asks for a habit, it ranks nobody (R042).

Each key result is held to its own cadence, so a fortnightly one is not late in a weekly view (R081).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, bindparam, case, select
from sqlalchemy.orm import Session

from connector.domain import rhythm
from connector.domain.buckets import Bucket
from connector.domain.model import Cadence
from connector.services.calendars import holidays_between
from connector.services.facts import AROUND
from connector.services.insight.scope import Light
from connector.store.tables import CheckIn, Forum, KeyResult, Objective, Team


class Update(StrEnum):
    """How the latest update of a key result came."""

    ON_TIME = "on time"
    LATE = "late"  # it came, after it was due, or after the lock of its review
    MISSING = "missing"  # it is due and has not come
    DRAFT = "draft"  # it is due, and what came is not complete
    NOT_DUE = "not due yet"  # there was none so far, and none had to be


@dataclass(frozen=True, slots=True)
class Standing:
    """One key result: ``last`` is its last complete check-in, ``due`` the moment at which an update became due, None when none is."""

    light: Light
    update: Update
    last: datetime | None
    due: datetime | None


_MARGIN = timedelta(hours=3)  # so much may a day be longer or shorter; within a cadence less it, no calendar need be asked


def judge(
    cadence: Cadence,
    begun: datetime,
    last: datetime | None,
    before: datetime | None,
    draft: datetime | None,
    now: datetime,
    zone: tzinfo,
    holidays: Collection[date] = frozenset(),
) -> tuple[Update, datetime | None]:
    """How the latest update came, and since when the next is due, None while it is not.

    ``begun``: since when updates are asked for; ``before``: the last but one; ``holidays``: those of its forum.
    """
    surely = rhythm.cadence_length(cadence) - _MARGIN
    since = max(last, begun) if last else begun
    if now - since > surely:
        due = rhythm.due_by(cadence, since, zone, holidays)
        if now > due:
            return (Update.DRAFT if draft is not None and draft > (last or begun) else Update.MISSING), due
    if last is None:
        return Update.NOT_DUE, None
    earlier = max(before, begun) if before else begun
    if last - earlier <= surely or last <= rhythm.due_by(cadence, earlier, zone, holidays):
        return Update.ON_TIME, None
    return Update.LATE, None


def load_standings(session: Session, lights: Sequence[Light], now: datetime, zone: tzinfo) -> list[Standing]:
    """How each key result's updates come: one statement; closed ones are left out."""
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    if not running:
        return []
    known = {row[0]: row for row in session.connection().execute(_UPDATES, {"ids": [each.id for each in running]})}
    starts = {each: datetime.combine(each.start, time(), tzinfo=zone) for each in {each.cycle for each in running}}
    cadences = {each.value: each for each in Cadence}
    first, last_day = min(each.start for each in starts) - AROUND, max(each.end for each in starts) + AROUND
    free = {country: holidays_between(country or "", first, last_day) for country in {row[6] for row in known.values()}}
    found = []
    for each in running:
        _, made, last, before, draft, late, country = known[each.id]
        begun = max(made, starts[each.cycle])
        update, due = judge(cadences[each.cadence], begun, last, before, draft, now, zone, free[country])
        if late and update is Update.ON_TIME:
            update = Update.LATE
        found.append(Standing(each, update, last, due))
    return found


def _told(moment: Any, *conditions: ColumnElement[bool], place: int = 0) -> ScalarSelect[Any]:
    """The moment of a key result's last check-in, or of the one so many before it."""
    mine = (CheckIn.key_result_id == KeyResult.id, *conditions)
    return select(moment).where(*mine).order_by(CheckIn.id.desc()).limit(1).offset(place).scalar_subquery()


_COMPLETE = CheckIn.draft.is_(False)
_UPDATES = (
    select(  # made once, and asked for columns alone: this runs for thousands while somebody waits
        KeyResult.id,
        KeyResult.created_at,
        _told(CheckIn.created_at, _COMPLETE),
        _told(CheckIn.created_at, _COMPLETE, place=1),
        _told(case((CheckIn.draft, CheckIn.created_at))),  # a draft after which nothing complete came
        _told(CheckIn.late, _COMPLETE),
        Forum.country,
    )
    .join(Objective, Objective.id == KeyResult.objective_id)
    .outerjoin(Team, Team.id == Objective.team_id)
    .outerjoin(Forum, and_(Forum.id == Team.forum_id, Forum.retired_at.is_(None)))
    .where(KeyResult.id.in_(bindparam("ids", expanding=True)))
)
