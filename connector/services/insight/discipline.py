"""How updates come: on time, late, missing or unfinished, by team. Never by person: this asks for a habit, it ranks nobody (R042).

Each key result is held to its own cadence, so a fortnightly one is not late in a weekly view (R081).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import rhythm
from connector.domain.buckets import Bucket
from connector.domain.model import Cadence
from connector.services.insight.scope import Light
from connector.store.tables import CheckIn, KeyResult


class Update(StrEnum):
    """How the latest update of a key result came."""

    ON_TIME = "on time"
    LATE = "late"  # it came, after it was due
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
    cadence: Cadence, begun: datetime, last: datetime | None, before: datetime | None, draft: datetime | None, now: datetime, zone: tzinfo
) -> tuple[Update, datetime | None]:
    """How the latest update came, and since when the next is due, None while it is not.

    ``begun``: since when updates are asked for; ``before``: the last but one.
    """
    surely = rhythm.cadence_length(cadence) - _MARGIN
    since = max(last, begun) if last else begun
    if now - since > surely:
        due = rhythm.due_by(cadence, since, zone)
        if now > due:
            return (Update.DRAFT if draft is not None and draft > (last or begun) else Update.MISSING), due
    if last is None:
        return Update.NOT_DUE, None
    earlier = max(before, begun) if before else begun
    if last - earlier <= surely or last <= rhythm.due_by(cadence, earlier, zone):
        return Update.ON_TIME, None
    return Update.LATE, None


def load_standings(session: Session, lights: Sequence[Light], now: datetime, zone: tzinfo) -> list[Standing]:
    """How each key result's updates come: two statements; closed ones are left out."""
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    ids = [each.id for each in running]
    place = func.row_number().over(partition_by=(CheckIn.key_result_id, CheckIn.draft), order_by=CheckIn.id.desc()).label("place")
    inner = select(CheckIn.key_result_id, CheckIn.draft, CheckIn.created_at, place).where(CheckIn.key_result_id.in_(ids)).subquery()
    last: dict[str, list[datetime]] = {}
    drafts: dict[str, datetime] = {}
    for name, draft, at, _ in session.execute(select(inner).where(inner.c.place <= 2).order_by(inner.c.place)) if running else ():
        if draft:
            drafts.setdefault(name, at)
        else:
            last.setdefault(name, []).append(at)
    made: dict[str, datetime] = {
        row.id: row.created_at for row in session.execute(select(KeyResult.id, KeyResult.created_at).where(KeyResult.id.in_(ids)))
    }
    found = []
    for each in running:
        told = last.get(each.id, [])
        begun = max(made[each.id], datetime.combine(each.cycle.start, time(), tzinfo=zone))
        update, due = judge(
            Cadence(each.cadence), begun, told[0] if told else None, told[1] if len(told) > 1 else None, drafts.get(each.id), now, zone
        )
        found.append(Standing(each, update, told[0] if told else None, due))
    return found
