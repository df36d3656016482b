"""Skipping a review with a reason, and taking that back. Two skips in a row are told to the forum's sponsor (R052)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from connector.domain.changes import stated_reason
from connector.domain.rights import Viewer
from connector.domain.wording import day_text
from connector.errors import Conflict, NotFound
from connector.runtime import Runtime
from connector.services import leads_wanted, messages, panels
from connector.services.changes import record
from connector.services.locks import LOCKED, OPEN, PLANNED, SKIPPED
from connector.services.rhythm.seats import require_holder
from connector.store.tables import Audit, CheckIn, Forum, KeyResult, Objective, Review, Team

ENTITY = "review"


def skip(runtime: Runtime, viewer: Viewer, review_id: int, reason: object) -> tuple[str, ...]:
    """Skip a review that is planned or locked. Returns sentences for the person: whom it was told.

    Raises ``InputError`` without a reason, ``Conflict`` for one that is held, closed or skipped, ``NotFound``, ``Forbidden``.
    """
    with runtime.store.write() as session:
        review, forum = _found(session, viewer, review_id)
        why = stated_reason(reason, "a skipped review needs a reason; everybody who looks at it can read it")
        if review.state not in (PLANNED, LOCKED):
            raise Conflict(_cannot(review))
        _change(session, review, SKIPPED, why)
        record(
            session, viewer, runtime.now(), "skip", ENTITY, ident_of(forum, review),
            before={"state": review.state}, after={"state": SKIPPED}, reason=why,
        )  # fmt: skip
        return _tell_sponsor(session, forum, review, runtime.now())


def take_back(runtime: Runtime, viewer: Viewer, review_id: int) -> None:
    """Have a skipped review meet after all, until it would have started. Raises ``Conflict`` after that, ``NotFound``, ``Forbidden``."""
    now = runtime.now()
    with runtime.store.write() as session:
        review, forum = _found(session, viewer, review_id)
        if review.state != SKIPPED:
            raise Conflict("this review is not skipped; there is nothing to take back")
        if review.starts_at <= now:
            raise Conflict("this review would have started already; the next one is planned as usual")
        state = LOCKED if review.locked_at is not None else PLANNED
        _change(session, review, state, "")
        record(
            session, viewer, now, "take_back", ENTITY, ident_of(forum, review),
            before={"state": SKIPPED, "reason": review.skipped_reason}, after={"state": state},
        )  # fmt: skip
        touched = _mark_late(session, review, runtime.epoch()) if state == LOCKED else set()
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)


def ident_of(forum: Forum, review: Review) -> str:
    """What the audit trail calls a review."""
    return f"{forum.name} {review.day.isoformat()}"


def _found(session: Session, viewer: Viewer, review_id: int) -> tuple[Review, Forum]:
    found = session.execute(select(Review, Forum).join(Forum, Forum.id == Review.forum_id).where(Review.id == review_id)).one_or_none()
    if found is None:
        raise NotFound("there is no such review")
    review, forum = found
    require_holder(session, viewer, forum.id)
    return review, forum


def _cannot(review: Review) -> str:
    if review.state == OPEN:
        return "this review is being held; close it instead of skipping it"
    return "this review is skipped already" if review.state == SKIPPED else "this review is closed; it cannot be skipped any more"


def _change(session: Session, review: Review, state: str, reason: str) -> None:
    """Conditional: somebody else may open, lock or skip it at the same moment. Values of ``review`` stay as they were read."""
    changing: Any = update(Review).where(Review.id == review.id, Review.state == review.state, Review.version == review.version)
    values = {"state": state, "skipped_reason": reason, "version": review.version + 1}
    done: Any = session.execute(changing.values(values).execution_options(synchronize_session=False))
    if not done.rowcount:
        raise Conflict("this review was changed at the same moment; look again")


def _mark_late(session: Session, review: Review, epoch: float) -> set[int]:
    """Mark as late what came after the lock while the review was skipped: its frozen pre-read counts again, and does not hold it.

    Returns the connections whose pages say so.
    """
    frozen = review.locked_at
    query = (
        select(KeyResult.id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Team, Team.id == Objective.team_id)
        .where(Team.forum_id == review.forum_id)
    )
    amended = [
        (after or {}).get("check_in")
        for after in session.scalars(
            select(Audit.after).where(Audit.entity == "key_result", Audit.action == "amend", Audit.at > frozen, Audit.entity_id.in_(query))
        )
    ]
    came = or_(CheckIn.created_at > frozen, CheckIn.id.in_([each for each in amended if isinstance(each, int)]))
    unmarked = (CheckIn.key_result_id.in_(query), CheckIn.late.is_(False), CheckIn.draft.is_(False))
    rows = session.scalars(select(CheckIn).where(*unmarked, came)).all()
    for row in rows:
        row.late = True
    session.flush()
    about = {row.key_result_id for row in rows}
    return panels.place(session, about, changed=about, now=epoch) | leads_wanted.want_changed(session, about, epoch) if about else set()


def _tell_sponsor(session: Session, forum: Forum, review: Review, now: datetime) -> tuple[str, ...]:
    """When the review before or behind this one is skipped too."""
    others = select(Review.day, Review.state, Review.skipped_reason).where(Review.forum_id == forum.id, Review.id != review.id)
    before = session.execute(others.where(Review.day < review.day).order_by(Review.day.desc()).limit(1)).one_or_none()
    behind = session.execute(others.where(Review.day > review.day).order_by(Review.day).limit(1)).one_or_none()
    pairs = [each for each in (before, behind) if each is not None and each.state == SKIPPED]
    if not pairs:
        return ()
    if forum.sponsor_id is None:
        return (f"Two reviews of {forum.name} in a row are skipped now. It has no sponsor who could be told.",)
    for other in pairs:
        first, second = sorted((other.day, review.day))
        messages.tell_person(
            session,
            forum.sponsor_id,
            key=f"skips-{forum.id}-{first}-{second}",
            kind="skips",
            subject=f"{forum.name}: two reviews in a row are skipped",
            lines=[
                f"The reviews of {forum.name} on {day_text(first)} and {day_text(second)} are skipped.",
                *(f"{day_text(day)}: {why}" for day, why in _reasons(session, forum.id, (first, second))),
                "What was asked for there waits. Would another day or a shorter review help?",
            ],
            link=f"/reviews?forum={forum.id}",
            now=now,
        )
    return (f"Two reviews of {forum.name} in a row are skipped now; its sponsor is told.",)


def _reasons(session: Session, forum_id: int, days: tuple[date, ...]) -> list[tuple[date, str]]:
    query = select(Review.day, Review.skipped_reason).where(Review.forum_id == forum_id, Review.day.in_(days)).order_by(Review.day)
    return [(day, why) for day, why in session.execute(query)]
