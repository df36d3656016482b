"""The lock: at its moment a review's pre-read is frozen, exactly once, and delivered to every channel with the same id.

Who changes ``planned`` to ``locked`` freezes and notes the deliveries in the same transaction: a worker that dies meanwhile leaves nothing,
and the clock asks again. Nobody's clock but the one that freezes is asked, and the real moment is what the pre-read says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

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

__all__ = ["due", "lock", "locked_for", "pre_read_of", "snapshot_of"]

log = structlog.get_logger(__name__)

BATCHES = 20  # of key results, computed before the freeze
PATIENCE = timedelta(minutes=1)  # so long a lock waits for what was told before it and is being computed; then it freezes what is there


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


def lock(runtime: Runtime, review_id: int) -> bool:
    """Freeze one review's pre-read and note its deliveries, in one transaction.

    False when somebody else did, when it is not due, or when a number of its forum is being computed just now: the clock asks again.
    """
    try:
        return _lock(runtime, review_id)
    except _Unsettled:
        for _ in range(BATCHES):
            if not roll_up_dirty(runtime):
                break
    try:
        return _lock(runtime, review_id, patience=PATIENCE)
    except _Unsettled:
        return False


class _Unsettled(Exception):
    """An update came a moment ago and is not in the numbers yet."""


def _lock(runtime: Runtime, review_id: int, *, patience: timedelta | None = None) -> bool:
    """Raises ``_Unsettled``, with nothing done, when key results have to be computed first; later than ``patience`` it freezes anyhow."""
    now = runtime.now()
    with runtime.store.write() as session:
        meets = select(Forum.id).where(Forum.id == Review.forum_id, Forum.retired_at.is_(None)).exists()
        taken = session.execute(
            update(Review)
            .where(Review.id == review_id, Review.state == PLANNED, Review.lock_at <= now, meets)
            .values(state=LOCKED, locked_at=now)
            .returning(Review.forum_id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        forum = session.get(Forum, taken) if taken is not None else None
        if forum is None:
            return False
        review = session.get_one(Review, review_id, populate_existing=True)
        if (patience is None or now < review.lock_at + patience) and _waiting(session, forum.id):
            raise _Unsettled
        snapshot = _freeze(runtime, session, review, forum, now)
        delivering.deliver(runtime, session, review, forum, snapshot, now)
        touched = leads_wanted.want_all(session, runtime.epoch())
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


def snapshot_of(runtime: Runtime, session: Session, review: Review, forum: Forum, row: PreRead | None) -> Snapshot:
    """The pre-read of a review as it was frozen in ``row``; before that what it would say now, without an id. Nothing is cut out of it."""
    if row is not None:
        return pre_reads.load(row)
    return pre_reads.gather(session, review, forum, runtime.now(), zone_of(forum, runtime.settings.zone))
