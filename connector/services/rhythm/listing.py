"""Reviews in lists: when they are in their forum's own time, until when updates count, what became of them, why one was skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from connector.domain.wording import day_text
from connector.errors import NotFound
from connector.services.locks import CLOSED, LOCKED, PLANNED, SKIPPED
from connector.services.rhythm.planning import zone_of
from connector.store.reads.paging import Page, after, cut, moment_text
from connector.store.tables import Forum, PreRead, Review


@dataclass(frozen=True, slots=True)
class Listed:
    """A review. ``starts`` and ``locks`` are local texts; ``moved``: why it is not on its nominal day, "" when it is."""

    id: int
    forum_id: int
    forum: str
    day: date
    state: str
    starts_at: datetime
    lock_at: datetime
    starts: str
    locks: str
    moved: str
    reason: str
    pre_read: str
    skippable: bool
    undoable: bool


def of_forum(session: Session, forum_id: int, now: datetime, zone: tzinfo, *, limit: int = 20) -> list[Listed]:
    """The reviews of a forum that are not over, in their order, skipped ones too: one statement."""
    query = _query().where(Review.forum_id == forum_id, Review.state != CLOSED, Review.starts_at > now)
    return _listed(session, query.order_by(Review.starts_at, Review.id).limit(limit), now, zone)


def find(session: Session, review_id: int, now: datetime, zone: tzinfo) -> Listed:
    """One review. Raises ``NotFound``."""
    found = _listed(session, _query().where(Review.id == review_id), now, zone)
    if not found:
        raise NotFound("there is no such review")
    return found[0]


def reviews_page(
    session: Session,
    now: datetime,
    zone: tzinfo,
    cursor: str | None = None,
    limit: int = 50,
    *,
    forum: str | None = None,
    state: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Page:
    """Reviews by nominal day, as the API gives them, in one statement. Raises ``InputError`` for a bad cursor or limit."""
    query = _query()
    if forum is not None:
        query = query.where(Forum.name == forum)
    if state is not None:
        query = query.where(Review.state == state)
    if since is not None:
        query = query.where(Review.day >= since)
    if until is not None:
        query = query.where(Review.day <= until)
    rows = session.execute(after(query, (Review.id,), (int,), cursor, limit)).all()
    shown, following = cut(rows, limit, lambda row: (row[0].id,))
    return Page([shape(_entry(row, now, zone)) for row in shown], following)


def shape(each: Listed) -> dict[str, Any]:
    """A review as the API gives it."""
    return {
        "id": each.id,
        "forum": each.forum,
        "day": each.day.isoformat(),
        "starts_at": moment_text(each.starts_at),
        "lock_at": moment_text(each.lock_at),
        "state": each.state,
        "skipped_reason": each.reason or None,
        "pre_read": each.pre_read or None,
    }


def _query() -> Select[*tuple[Any, ...]]:
    query = select(Review, Forum, PreRead.key).join(Forum, Forum.id == Review.forum_id)
    return query.outerjoin(PreRead, PreRead.review_id == Review.id)


def _listed(session: Session, query: Select[*tuple[Any, ...]], now: datetime, zone: tzinfo) -> list[Listed]:
    rows: Sequence[Any] = session.execute(query).all()
    return [_entry(row, now, zone) for row in rows]


def _entry(found: Any, now: datetime, zone: tzinfo) -> Listed:
    row, forum, key = found
    own = zone_of(forum, zone)
    is_on = row.starts_at.astimezone(own).date()
    return Listed(
        row.id,
        forum.id,
        forum.name,
        row.day,
        row.state,
        row.starts_at,
        row.lock_at,
        _local(row.starts_at, own),
        _local(row.lock_at, own),
        f"moved from {day_text(row.day)}, a holiday" if is_on != row.day else "",
        row.skipped_reason,
        key or "",
        row.state in (PLANNED, LOCKED),
        row.state == SKIPPED and row.starts_at > now,
    )


def _local(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%a %-d %b, %H:%M}"
