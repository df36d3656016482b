"""The lock: at its moment a review's pre-read is frozen, exactly once, and delivered to every channel with the same id.

Who changes ``planned`` to ``locked`` freezes and notes the deliveries in the same transaction: a worker that dies meanwhile leaves nothing,
and the clock asks again. Nobody's clock but the one that freezes is asked, and the real moment is what the pre-read says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain import pre_read
from connector.domain.pre_read import Snapshot
from connector.runtime import Runtime
from connector.services import leads_wanted
from connector.services.locks import LOCKED, PLANNED, locked_for
from connector.services.rhythm import delivering, pre_reads
from connector.services.rhythm.planning import zone_of
from connector.services.rollup import roll_up_dirty
from connector.store.tables import Forum, KeyResult, Objective, PreRead, Review, Team

__all__ = ["due", "live", "lock", "locked_for", "pre_read_of"]

log = structlog.get_logger(__name__)

ROUNDS = 3  # so often what was told a moment ago is computed before the freeze; then it is frozen as it is


def due(runtime: Runtime) -> list[int]:
    """The reviews whose lock has come and that are not locked yet, oldest first. A retired forum meets no more."""
    with runtime.store.read() as session:
        query = (
            select(Review.id)
            .join(Forum, Forum.id == Review.forum_id)
            .where(Review.state == PLANNED, Review.lock_at <= runtime.now(), Forum.retired_at.is_(None))
            .order_by(Review.lock_at, Review.id)
        )
        return list(session.scalars(query))


def lock(runtime: Runtime, review_id: int, *, at_once: bool = False) -> bool:
    """Freeze one review's pre-read and note its deliveries, in one transaction. False when somebody else did, or it is not due.

    ``at_once``: somebody wants the review to begin before its lock has come.
    """
    for attempt in range(ROUNDS):
        if attempt:
            while roll_up_dirty(runtime):
                pass
        outcome = _lock(runtime, review_id, at_once=at_once, patient=attempt < ROUNDS - 1)
        if outcome is not None:
            return outcome
    return False


class _Unsettled(Exception):
    """An update came a moment ago and is not in the numbers yet."""


def _lock(runtime: Runtime, review_id: int, *, at_once: bool, patient: bool) -> bool | None:
    """None: nothing was done, some key results have to be computed first."""
    now = runtime.now()
    touched: set[int] = set()
    try:
        with runtime.store.write() as session:
            meets = select(Forum.id).where(Forum.id == Review.forum_id, Forum.retired_at.is_(None)).exists()
            due_now = [] if at_once else [Review.lock_at <= now]
            taken = session.execute(
                update(Review)
                .where(Review.id == review_id, Review.state == PLANNED, meets, *due_now)
                .values(state=LOCKED, locked_at=now)
                .returning(Review.forum_id)
                .execution_options(synchronize_session=False)
            ).scalar_one_or_none()
            forum = session.get(Forum, taken) if taken is not None else None
            if forum is None:
                return False
            if patient and _waiting(session, forum.id):
                raise _Unsettled
            review = session.get_one(Review, review_id, populate_existing=True)
            snapshot = _freeze(runtime, session, review, forum, now)
            delivering.deliver(runtime, session, review, forum, snapshot, now)
            touched = leads_wanted.want_all(session, runtime.epoch())
    except _Unsettled:
        return None
    log.info("pre_read_frozen", review=review_id, key=snapshot.key, key_results=len(snapshot.entries))
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)
    return True


def _waiting(session: Session, forum_id: int) -> bool:
    """Whether a key result of the forum waits to be computed."""
    query = (
        select(KeyResult.id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Team, Team.id == Objective.team_id)
        .where(Team.forum_id == forum_id, KeyResult.retired_at.is_(None), KeyResult.wanted > KeyResult.done)
    )
    return session.scalar(query.limit(1)) is not None


def _freeze(runtime: Runtime, session: Session, review: Review, forum: Forum, now: datetime) -> Snapshot:
    zone = zone_of(forum, runtime.settings.zone)
    snapshot = replace(pre_reads.gather(session, review, forum, now, zone), key=_free_key(session, runtime, review, forum, zone))
    content = pre_read.plain(snapshot)
    session.add(
        PreRead(key=snapshot.key, review_id=review.id, frozen_at=now, content=content, digest=pre_read.digest_of(content)),
    )
    session.flush()
    return snapshot


def _free_key(session: Session, runtime: Runtime, review: Review, forum: Forum, zone: object) -> str:
    day = review.lock_at.astimezone(zone).date()  # type: ignore[arg-type]
    seed = f"{review.forum_id}:{review.id}:{review.lock_at.isoformat()}"
    wanted = [pre_read.make_key(forum.name, day, seed, length) for length in (4, 8, 16)]
    known = set(session.scalars(select(PreRead.key).where(PreRead.key.in_(wanted))))
    return next(key for key in wanted if key not in known)


# --- asking ------------------------------------------------------------------------------------------------------------------


def pre_read_of(session: Session, review_id: int) -> PreRead | None:
    """The frozen pre-read of a review, None before its lock."""
    return session.scalar(select(PreRead).where(PreRead.review_id == review_id))


def live(session: Session, review: Review, forum: Forum, runtime: Runtime) -> Snapshot:
    """What the pre-read of a review would say now; not frozen, and without an id."""
    return pre_reads.gather(session, review, forum, runtime.now(), zone_of(forum, runtime.settings.zone))
