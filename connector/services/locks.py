"""For which review an update comes too late: the one whose lock has fallen (R054). Reads two tables; everybody may ask.

What counts is what stands in the database when the update is filed, not the clock of whoever files it: an update is late when the
pre-read is frozen, and in the pre-read when it is not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from connector.domain import wording
from connector.domain.pre_read import ON_THE_MOMENT, late_words
from connector.services.calendars import zone_called
from connector.store.tables import Forum, KeyResult, Objective, Review, Team

PLANNED, LOCKED, OPEN, CLOSED, SKIPPED = "planned", "locked", "open", "closed", "skipped"
KEPT_OPEN = timedelta(hours=12)  # so long after its start a review that nobody opened is still prepared for
HELD = timedelta(hours=24)  # so long after it was opened a review that nobody closes keeps updates out
SKEW = timedelta(minutes=5)  # clocks of machines may differ by so much


def binding(now: datetime) -> ColumnElement[bool]:
    """A condition over ``Review``: its pre-read is frozen, and it is what people prepare for or hold now.

    A lock binds until its review is closed. Where nobody ever opens it that ends half a day after its start, and a day after it was
    opened where nobody closes it: a forgotten review must not keep every later update out.
    """
    return or_(and_(Review.state == LOCKED, Review.starts_at > now - KEPT_OPEN), is_held(now))


def is_held(now: datetime) -> ColumnElement[bool]:
    """A condition over ``Review``: it is open, and not so long that it was forgotten."""
    return and_(Review.state == OPEN, func.coalesce(Review.opened_at, Review.starts_at) > now - HELD)


def locked_for(session: Session, key_result_id: str, now: datetime, *, settling: bool = False) -> Review | None:
    """The review for which updates of this key result come too late now: locked and not closed; None when there is none.

    ``settling``: the caller files one in this transaction; a lock that falls at the same moment waits for it, or it for the lock.
    """
    forum = (
        select(Team.forum_id)
        .join(Objective, Objective.team_id == Team.id)
        .join(KeyResult, KeyResult.objective_id == Objective.id)
        .where(KeyResult.id == key_result_id)
        .scalar_subquery()
    )
    query = select(Review).where(Review.forum_id == forum).order_by(Review.lock_at.desc(), Review.id.desc())
    if not settling:
        return session.scalars(query.where(binding(now)).limit(1)).first()
    near = query.where(or_(binding(now), and_(Review.state == PLANNED, Review.lock_at <= now + SKEW)))
    rows = session.scalars(near.with_for_update(read=True).execution_options(populate_existing=True)).all()
    return next((row for row in rows if row.state in (LOCKED, OPEN)), None)


def bound_reviews(session: Session, forums: Collection[int], now: datetime) -> dict[int, Review]:
    """The review of each forum whose frozen pre-read is to be read now: locked or being held."""
    rows = session.scalars(select(Review).where(Review.forum_id.in_(forums), binding(now)).order_by(Review.lock_at, Review.id))
    return {row.forum_id: row for row in rows}


def zone_of_review(session: Session, review: Review, default: tzinfo) -> tzinfo:
    """The time zone in which everything about a review is said."""
    return zone_called(session.scalar(select(Forum.zone).where(Forum.id == review.forum_id)) or "", default)


def late_text(session: Session, review: Review | None, default: tzinfo) -> str:
    """ "after the lock of 18 Nov 16:00; it counts for the next review"; "" when no lock has fallen."""
    if review is None:
        return ""
    zone = zone_of_review(session, review, default)
    fell = review.locked_at or review.lock_at
    moment = review.lock_at if abs(fell - review.lock_at) <= ON_THE_MOMENT else fell
    return late_words(wording.moment_text(moment, zone))


def told_late(session: Session, key_result_id: str, late: bool, now: datetime, default: tzinfo) -> str:
    """What is said of an update that was filed a moment ago; "" for one that came in time."""
    return (late_text(session, locked_for(session, key_result_id, now), default) or late_words("")) if late else ""
