"""What a forum's rooms and who calls decisions there hear by the clock: whose updates are missing by title, and of a forgotten review."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from connector.domain import wording
from connector.domain.plain_text import one_line
from connector.domain.reminders import Step, step_now
from connector.runtime import Runtime
from connector.services.locks import HELD, LOCKED, OPEN, PLANNED
from connector.services.messages import tell_forum, tell_person
from connector.services.messages.outgoing import CHANNEL, MAIL
from connector.services.rhythm.planning import zone_of
from connector.services.rhythm.reminding import find_missing
from connector.store.batches import batches
from connector.store.tables import Channel, Forum, Message, Review

MOST = 20  # key results that one message names
_AHEAD = timedelta(hours=26)  # a day before a lock, an hour more or less when clocks change
_STEPS = (Step.DAY, Step.LOCK)


def tell_rooms(runtime: Runtime) -> int:
    """Say in the rooms of a forum a day before the lock and at it which updates are missing: titles, no names, nothing restricted.

    Returns how many reviews were spoken of. Each step is said once; of those that passed only the last.
    """
    now, count = runtime.now(), 0
    with runtime.store.read() as session:
        due = _rooms_due(session, runtime, now)
    for ident, step in due:
        with runtime.store.write() as session:
            count += _tell_rooms(session, runtime, session.get_one(Review, ident), step, now)
    if count:
        runtime.queue.nudge("send")
    return count


def _tell_rooms(session: Session, runtime: Runtime, review: Review, step: Step, now: datetime) -> bool:
    forum = session.get_one(Forum, review.forum_id)
    missing = [each for _, each in find_missing(session, runtime, [review], now) if each.public]
    if not missing:
        return False
    titles = sorted(one_line(each.title) for each in missing)
    lines = titles[:MOST] + ([f"And {len(titles) - MOST} more."] if len(titles) > MOST else [])
    open_ones = "1 update is open" if len(titles) == 1 else f"{len(titles)} updates are open"
    when = wording.weekday_moment_text(review.lock_at, zone_of(forum, runtime.settings.zone))
    locked = review.lock_at <= now
    if locked:
        lines.append("An update now is stored as late: it counts for the next review.")
    told = tell_forum(
        session,
        forum.id,
        key=_key(review.id, step),
        kind="reminder",
        subject=f"{forum.name}: {open_ones}; {'locked' if locked else 'lock'} {when}",
        lines=lines,
        link="/triage",
        now=now,
        about=[each.id for each in missing],
    )
    return told > 0


def _rooms_due(session: Session, runtime: Runtime, now: datetime) -> list[tuple[int, Step]]:
    """The reviews with rooms for which a step has come of which nothing was said yet, and something is missing. Five statements."""
    room = exists().where(Channel.forum_id == Review.forum_id, Channel.kind != MAIL, Channel.retired_at.is_(None))
    coming = (Review.state.in_((PLANNED, LOCKED)), Review.starts_at > now, Review.lock_at <= now + _AHEAD)
    rows = session.execute(select(Review, Forum).join(Forum, Forum.id == Review.forum_id).where(*coming, room)).all()
    due: dict[tuple[int, Step], Review] = {}
    for review, forum in rows:
        step = step_now(review.lock_at, review.starts_at, zone_of(forum, runtime.settings.zone), now)
        step = Step.DAY if step is Step.HOURS else step
        if step in _STEPS:
            due[review.id, step] = review
    said = _said(session, {each: review.forum_id for each, review in due.items()})
    waiting = {each: review for each, review in due.items() if each not in said}
    lacking = {review.id for review, asked in find_missing(session, runtime, waiting.values(), now) if asked.public}
    return [each for each in waiting if each[0] in lacking]


def _said(session: Session, due: Mapping[tuple[int, Step], int]) -> set[tuple[int, Step]]:
    """Those of the steps (of a review, with its forum) of which a room of the forum was told; also one that was removed since."""
    rooms: dict[int | None, list[int]] = {}
    for part in batches(set(due.values())):
        for forum, room in session.execute(select(Channel.forum_id, Channel.id).where(Channel.forum_id.in_(part), Channel.kind != MAIL)):
            rooms.setdefault(forum, []).append(room)
    keys = {f"{CHANNEL}:{room}:{_key(*step)}": step for step, forum in due.items() for room in rooms.get(forum, ())}
    found: set[tuple[int, Step]] = set()
    for names in batches(keys):
        found.update(keys[key] for key in session.scalars(select(Message.key).where(Message.key.in_(names))))
    return found


def _key(review: int, step: Step) -> str:
    return f"missing:{review}:{step.value}"


def tell_forgotten(runtime: Runtime) -> int:
    """Tell who calls decisions of a review that is open for more than a day, once. Returns how many are told."""
    now, default = runtime.now(), runtime.settings.zone
    query = (
        select(Review, Forum)
        .join(Forum, Forum.id == Review.forum_id)
        .where(
            Review.state == OPEN,
            func.coalesce(Review.opened_at, Review.starts_at) <= now - HELD,
            Forum.caller_id.is_not(None),
            Forum.retired_at.is_(None),
        )
    )
    with runtime.store.read() as session:
        rows = {f"{MAIL}:{forum.caller_id}:forgotten:{review.id}": (review, forum) for review, forum in session.execute(query)}
        told = set(session.scalars(select(Message.key).where(Message.key.in_(rows)))) if rows else set()
    found = [
        (review.id, review.starts_at, forum.name, forum.caller_id, zone_of(forum, default))
        for key, (review, forum) in rows.items()
        if key not in told
    ]
    if not found:
        return 0
    count = 0
    with runtime.store.write() as session:
        for ident, starts_at, name, caller, zone in found:
            count += tell_person(
                session,
                caller or 0,
                key=f"forgotten:{ident}",
                kind="review",
                subject=f"{name}: the review of {wording.local_day_text(starts_at, zone)} is still open",
                lines=["Its minutes reach nobody until it is closed. Updates count for the next review meanwhile."],
                link=f"/reviews/{ident}",
                now=now,
            )
    return count
