"""How updates come: on time, late, missing or unfinished, by team. Never by person: this asks for a habit, it ranks nobody (R042).

Each key result is held to its own cadence, so a fortnightly one is not late in a weekly view (R081).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy import ScalarSelect, bindparam, func, select
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
    """How each key result's updates come: one statement, two when some are due; closed ones are left out."""
    running = [each for each in lights if each.bucket is not Bucket.CLOSED]
    if not running:
        return []
    connection = session.connection()  # columns only: without the session's way to entities that is half the work
    told = {row[0]: row for row in connection.execute(_LAST_TWO, {"ids": [each.id for each in running]})}
    starts = {each: datetime.combine(each.start, time(), tzinfo=zone) for each in {each.cycle for each in running}}
    cadences = {each.value: each for each in Cadence}
    found = []
    due_ones = []
    for each in running:
        _, made, last, before = told[each.id]
        begun = max(made, starts[each.cycle])
        update, due = judge(cadences[each.cadence], begun, last, before, None, now, zone)
        found.append(Standing(each, update, last, due))
        if update is Update.MISSING:
            due_ones.append((len(found) - 1, last or begun))
    drafts: dict[str, datetime] = dict(connection.execute(_DRAFTS, {"ids": [found[place].light.id for place, _ in due_ones]}).all() if due_ones else ())  # type: ignore[arg-type]
    for place, since in due_ones:
        each = found[place]
        if each.light.id in drafts and drafts[each.light.id] > since:
            found[place] = replace(each, update=Update.DRAFT)
    return found


def _nth(place: int) -> ScalarSelect[datetime]:
    """The moment of a key result's last complete check-in (0), or of the one before it (1)."""
    return (
        select(CheckIn.created_at)
        .where(CheckIn.key_result_id == KeyResult.id, CheckIn.draft.is_(False))
        .order_by(CheckIn.id.desc())
        .limit(1)
        .offset(place)
        .scalar_subquery()
    )


_THESE = bindparam("ids", expanding=True)
_LAST_TWO = select(KeyResult.id, KeyResult.created_at, _nth(0), _nth(1)).where(KeyResult.id.in_(_THESE))
_DRAFTS = select(CheckIn.key_result_id, CheckIn.created_at).where(
    CheckIn.id.in_(
        select(func.max(CheckIn.id)).where(CheckIn.key_result_id.in_(_THESE), CheckIn.draft.is_(True)).group_by(CheckIn.key_result_id)
    )
)
