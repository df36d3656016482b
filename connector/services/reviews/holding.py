"""Holding a review: it is opened on a frozen agenda, items are taken up one by one, folded and unreached ones are dealt with at once.

Nothing here reads or changes a value or a confidence (R055). Each change locks the review's row, so that two who act at once are in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain.agenda import Verdict
from connector.domain.pre_read import read
from connector.domain.rights import Viewer
from connector.domain.wording import local_day_text, moment_text
from connector.errors import Conflict, NotFound
from connector.runtime import Runtime
from connector.services.changes import record
from connector.services.locks import CLOSED, LOCKED, OPEN, PLANNED, SKIPPED
from connector.services.reviews.agenda import write_agenda
from connector.services.reviews.rights import active_person, find_review, known_items, require_knowing
from connector.services.rhythm import locking
from connector.services.rhythm.planning import next_review, zone_of
from connector.services.rhythm.seats import require_holder
from connector.store.tables import Forum, Person, Review, ReviewItem

ENTITY = "review"
EARLY = timedelta(hours=24)
"""So long before its lock a review can be locked and opened by hand."""


def open_review(runtime: Runtime, viewer: Viewer, review_id: int, *, lock_now: bool = False) -> None:
    """Open a review; its agenda is built from the frozen pre-read and stays as it is. One that is open already stays open.

    Before its lock it is only opened with ``lock_now``: then updates count until now; only the forum's next one, a day before its lock.
    Raises ``Forbidden``, ``NotFound``, ``Conflict``.
    """
    with runtime.store.write() as session:
        review = find_review(session, review_id, lock=True)
        require_holder(session, viewer, review.forum_id)
        if session.get_one(Forum, review.forum_id).retired_at is not None:
            raise Conflict("this forum was retired; its reviews are not held any more")
        early = review.state == PLANNED and review.lock_at > runtime.now()
        if reason := too_early(session, review, runtime.now(), runtime.settings.zone):
            raise Conflict(reason)
        if early and not lock_now:
            raise Conflict("its pre-read is not frozen yet; lock it now, and updates count until this moment, or wait for its lock")
        if early:
            record(session, viewer, runtime.now(), "lock", ENTITY, str(review.id), reason="before its lock")
            review.lock_at = runtime.now()
    locking.lock(runtime, review_id)  # False when it was locked before
    with runtime.store.write() as session:
        review = find_review(session, review_id, lock=True)
        require_holder(session, viewer, review.forum_id)
        if review.state == OPEN:
            return
        _require_state(session, review, LOCKED, runtime.settings.zone)
        now = runtime.now()
        pre_read = locking.pre_read_of(session, review_id)
        if pre_read is None:
            raise Conflict("its pre-read is being frozen; open the review again in a moment")
        forum = session.get_one(Forum, review.forum_id)
        zone = zone_of(forum, runtime.settings.zone)
        items = write_agenda(session, review_id, read(pre_read.content), pre_read.id, forum.minutes, now, zone)
        review.state, review.opened_at, review.opened_by_id = OPEN, now, viewer.person_id
        review.version += 1
        _go_on(items, now)
        record(session, viewer, now, "open", ENTITY, str(review.id), after={"items": len(items)})


def too_early(session: Session, review: Review, now: datetime, default: tzinfo) -> str:
    """Why a planned review cannot be locked and opened by hand yet; "" when it can. ``default``: the installation's time zone."""
    if review.state != PLANNED or review.lock_at <= now:
        return ""
    zone = zone_of(session.get_one(Forum, review.forum_id), default)
    day = local_day_text(review.starts_at, zone)
    if now < review.lock_at - EARLY:
        return f"the review of {day} locks on {moment_text(review.lock_at, zone)}; it can be opened early from the day before its lock"
    first = next_review(session, review.forum_id, now)
    if first is None or first.id == review.id:
        return ""
    return f"the review of {local_day_text(first.starts_at, zone)} comes before the review of {day}; hold or skip that one first"


def take_up(runtime: Runtime, viewer: Viewer, review_id: int, item_id: int) -> None:
    """Talk about this item now; the clock of the one before stops. Raises ``Conflict`` when the review is not open."""
    with runtime.store.write() as session:
        review = open_one(session, viewer, review_id, runtime.settings.zone)
        item = item_of(session, viewer, review, item_id)
        now = runtime.now()
        stop_clocks(session, review.id, now)
        item.opened_at = now
        review.version += 1


def hold_folded(runtime: Runtime, viewer: Viewer, review_id: int) -> int:
    """Hold course for everything that is folded and has no verdict, as far as the viewer may know of it. Returns how many."""
    with runtime.store.write() as session:
        review = open_one(session, viewer, review_id, runtime.settings.zone)
        known = known_items(session, viewer, review.id)
        now = runtime.now()
        held = session.scalars(
            update(ReviewItem)
            .where(
                ReviewItem.review_id == review.id,
                ReviewItem.folded.is_(True),
                ReviewItem.verdict.is_(None),
                ReviewItem.key_result_id.in_(known),
            )
            .values(verdict=Verdict.HOLD.value, verdict_at=now, verdict_by_id=viewer.person_id)
            .returning(ReviewItem.key_result_id)
            .execution_options(synchronize_session=False)
        ).all()
        if held:
            review.version += 1
            record(session, viewer, now, "hold_folded", ENTITY, str(review.id), after={"key_results": sorted(held)})
        return len(held)


def hand_over(runtime: Runtime, viewer: Viewer, review_id: int, person: str, item_id: int | None = None) -> int:
    """Give what the time does not reach to a person (an e-mail address) who sees to it before the next review: one item, or all that wait.

    Raises ``InputError`` at "person", ``Conflict`` for an item that the time reaches: that one needs a verdict.
    """
    with runtime.store.write() as session:
        review = open_one(session, viewer, review_id, runtime.settings.zone)
        taker = active_person(session, person, "person")
        query = select(ReviewItem).where(ReviewItem.review_id == review.id, ReviewItem.folded.is_(False), ReviewItem.verdict.is_(None))
        if item_id is not None:
            item = item_of(session, viewer, review, item_id)
            if item.fits and not item.folded:
                raise Conflict("this item has its time: it needs a verdict, only what is not reached is handed over")
            rows: Sequence[ReviewItem] = [item]
        else:
            known = known_items(session, viewer, review.id)
            unreached = query.where(ReviewItem.fits.is_(False), ReviewItem.handed_to_id.is_(None))
            rows = [row for row in session.scalars(unreached) if row.key_result_id in known]
        require_knowing(session, taker, [row.key_result_id for row in rows], "person")
        for row in rows:
            row.handed_to_id = taker.id
        if rows:
            review.version += 1
            after = {"to": taker.email, "key_results": sorted(row.key_result_id for row in rows)}
            record(session, viewer, runtime.now(), "hand_over", ENTITY, str(review.id), after=after)
        return len(rows)


# --- what every change during a review asks ----------------------------------------------------------------------------------


def open_one(session: Session, viewer: Viewer, review_id: int, default: tzinfo) -> Review:
    """The review, locked for a change of it. ``default``: the installation's time zone.

    Raises ``NotFound``, ``Forbidden``, ``Conflict`` when it is not open.
    """
    review = find_review(session, review_id, lock=True)
    require_holder(session, viewer, review.forum_id)
    _require_state(session, review, OPEN, default)
    return review


def item_of(session: Session, viewer: Viewer, review: Review, item_id: int) -> ReviewItem:
    """An item of its agenda that the viewer may know of. Raises ``NotFound``."""
    item = session.get(ReviewItem, item_id)
    if item is None or item.review_id != review.id or item.key_result_id not in known_items(session, viewer, review.id):
        raise NotFound(f"there is no item {item_id} on this agenda")
    return item


def stop_clocks(session: Session, review_id: int, now: datetime) -> None:
    """Add the time of the item that is talked about to what was spent on it."""
    for row in session.scalars(select(ReviewItem).where(ReviewItem.review_id == review_id, ReviewItem.opened_at.is_not(None))):
        if row.opened_at is not None:
            row.spent_seconds += max(0, round((now - row.opened_at).total_seconds()))
        row.opened_at = None


def go_on(session: Session, review_id: int, now: datetime) -> None:
    """Take up the next item that has no verdict."""
    items = session.scalars(select(ReviewItem).where(ReviewItem.review_id == review_id).order_by(ReviewItem.position)).all()
    _go_on(items, now)


def _go_on(items: Sequence[ReviewItem], now: datetime) -> None:
    following = next((each for each in items if not each.folded and each.fits and each.verdict is None), None)
    if following is not None:
        following.opened_at = now


def _require_state(session: Session, review: Review, state: str, default: tzinfo) -> None:
    if review.state == state:
        return
    if review.state == CLOSED:
        raise Conflict(closed_text(session, review, default))
    if review.state == SKIPPED:
        raise Conflict(f"this review was skipped: {review.skipped_reason}")
    raise Conflict("this review is not open" if state == OPEN else "its pre-read is being frozen; open the review again in a moment")


def closed_text(session: Session, review: Review, default: tzinfo) -> str:
    """Who closed it and when, in the forum's time zone or the installation's, and what is still possible."""
    name = session.scalar(select(Person.name).where(Person.id == review.closed_by_id)) if review.closed_by_id else None
    forum = session.get_one(Forum, review.forum_id)
    at = review.closed_at.astimezone(zone_of(forum, default)) if review.closed_at else None
    when = f" at {at:%H:%M}" if at else ""
    return f"{name or 'somebody'} closed this review{when}; nothing of it changes any more, a new decision corrects it"
