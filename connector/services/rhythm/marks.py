"""What leaders do with a pre-read: that they opened it is recorded once, and they mark what has to be talked about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, NotFound
from connector.runtime import Runtime
from connector.services.locks import LOCKED
from connector.services.rhythm import pre_reads
from connector.services.rhythm.seats import is_leader, leaders_of
from connector.store.inserts import insert_into
from connector.store.tables import CallNeeded, Forum, Person, PreRead, PreReadReading, Review

PLACES = ("page", "jira", "notion", "mail")


@dataclass(frozen=True, slots=True)
class Marks:
    """Who opened a pre-read and who marked what. ``leaders``: names of all whose reading is recorded; ``read_by``: of those who did."""

    leaders: tuple[str, ...] = ()
    read_by: tuple[str, ...] = ()
    calls: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)  # by key result: (person, name)

    def names(self, key_result: str) -> list[str]:
        """Who marked this key result."""
        return [name for _, name in self.calls.get(key_result, ())]

    def by(self, person_id: int | None) -> set[str]:
        """What this person marked."""
        return {name for name, people in self.calls.items() if any(ident == person_id for ident, _ in people)}


def note_reading(runtime: Runtime, viewer: Viewer, review_id: int, place: str) -> bool:
    """Record that a leader opened the frozen pre-read, once; others leave no trace. True when it was the first time."""
    if viewer.person_id is None:
        return False
    with runtime.store.read() as session:  # a look first: most openings are no first ones, and a write lock is not free
        row = session.scalar(select(PreRead).where(PreRead.review_id == review_id))
        review = session.get(Review, review_id)
        forum = session.get(Forum, review.forum_id) if review is not None else None
        if row is None or forum is None or not is_leader(session, viewer, forum.id):
            return False
        if session.get(PreReadReading, (row.id, viewer.person_id)) is not None:
            return False
    values = {"pre_read_id": row.id, "person_id": viewer.person_id, "at": runtime.now(), "place": place}
    with runtime.store.write() as session:
        return _insert(session, PreReadReading, values)


def mark(runtime: Runtime, viewer: Viewer, review_id: int, key_result_id: str, needed: bool) -> bool:
    """Mark "call needed", or take one's own mark back. Returns whether something changed.

    Raises ``NotFound`` for what is not in the pre-read or the viewer may not know of, ``Forbidden`` for people who do not lead the
    forum, ``Conflict`` before the lock and once the review has begun: its agenda stands then.
    """
    with runtime.store.write() as session:
        review = session.scalars(select(Review).where(Review.id == review_id).with_for_update(read=True)).one_or_none()
        forum = session.get(Forum, review.forum_id) if review is not None else None
        if review is None or forum is None:
            raise NotFound(f"there is no review {review_id}")
        if not is_leader(session, viewer, forum.id):
            raise Forbidden('leaders of the forum mark "call needed"; ask one of them')
        row = session.scalar(select(PreRead).where(PreRead.review_id == review_id))
        if row is None:
            raise Conflict("the pre-read is not frozen yet; mark it after the lock")
        snapshot = pre_reads.for_viewer(session, viewer, pre_reads.load(row))
        if key_result_id not in {each.id for each in snapshot.entries}:
            raise NotFound(f"there is no key result {key_result_id!r} in this pre-read")
        if review.state != LOCKED:
            raise Conflict("the review has begun, its agenda stands; say it there")
        person: Any = viewer.person_id
        if needed:
            values = {"pre_read_id": row.id, "key_result_id": key_result_id, "person_id": person, "at": runtime.now()}
            return _insert(session, CallNeeded, values)
        mine = (CallNeeded.pre_read_id == row.id, CallNeeded.key_result_id == key_result_id, CallNeeded.person_id == person)
        return session.execute(delete(CallNeeded).where(*mine).returning(CallNeeded.person_id)).first() is not None


def load_marks(session: Session, pre_read_id: int, forum: Forum) -> Marks:
    """Who opened it, and who marked what. Three statements."""
    leaders = leaders_of(session, forum.id)
    opened = set(session.scalars(select(PreReadReading.person_id).where(PreReadReading.pre_read_id == pre_read_id)))
    return Marks(
        tuple(each.name for each in leaders),
        tuple(each.name for each in leaders if each.id in opened),
        _calls(session, pre_read_id),
    )


def calls_needed(session: Session, review_id: int) -> dict[str, tuple[str, ...]]:
    """The key results of a review that leaders want to talk about, with the names of those leaders."""
    ident = session.scalar(select(PreRead.id).where(PreRead.review_id == review_id))
    if ident is None:
        return {}
    return {name: tuple(who for _, who in people) for name, people in _calls(session, ident).items()}


def opened_by(session: Session, pre_reads: Collection[int]) -> dict[int, list[tuple[int, datetime]]]:
    """By pre-read, who opened it and when first."""
    found: dict[int, list[tuple[int, datetime]]] = {}
    rows = session.execute(
        select(PreReadReading.pre_read_id, PreReadReading.person_id, PreReadReading.at)
        .where(PreReadReading.pre_read_id.in_(pre_reads))
        .order_by(PreReadReading.at, PreReadReading.person_id)
    )
    for ident, person, at in rows:
        found.setdefault(ident, []).append((person, at))
    return found


def _calls(session: Session, pre_read_id: int) -> dict[str, tuple[tuple[int, str], ...]]:
    rows = session.execute(
        select(CallNeeded.key_result_id, Person.id, Person.name)
        .join(Person, Person.id == CallNeeded.person_id)
        .where(CallNeeded.pre_read_id == pre_read_id)
        .order_by(CallNeeded.at, Person.id)
    )
    found: dict[str, tuple[tuple[int, str], ...]] = {}
    for name, ident, who in rows:
        found[name] = (*found.get(name, ()), (ident, who))
    return found


def _insert(session: Session, table: Any, values: dict[str, Any]) -> bool:
    """Insert unless it is there; two who do at once make one."""
    statement = insert_into(session, table).values(values).on_conflict_do_nothing().returning(table.person_id)
    return session.execute(statement).first() is not None
