"""The reviews of some forums with everything that was stored of them, in a bounded number of statements. Judges nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.services.locks import CLOSED, KEPT_OPEN, OPEN, SKIPPED
from connector.services.reviews.rights import known_of
from connector.store.batches import batches
from connector.store.tables import (
    Audit,
    CheckIn,
    Forum,
    ForumMember,
    KeyResult,
    Objective,
    Person,
    PreRead,
    PreReadReading,
    Review,
    ReviewItem,
    Team,
)

MOST_WEEKS = 26


@dataclass(slots=True)
class Held:
    """A review with what was stored of it. ``entries``: of its frozen pre-read, as stored, None while nothing was frozen."""

    row: Review
    entries: list[dict[str, Any]] | None = None
    pre_read: int | None = None
    key: str = ""
    opened_by: dict[int, datetime] = field(default_factory=dict)
    items: dict[str, ReviewItem] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)  # key results whose update came after the lock
    edits: int = 0  # entries made while it was held

    def over(self, now: datetime) -> bool:
        """Whether it is behind us, held or not."""
        return self.row.state == CLOSED or (self.row.state != SKIPPED and self.row.starts_at + KEPT_OPEN < now)


@dataclass(slots=True)
class Loaded:
    """``reviews`` by forum, oldest first. ``known``: key results that the viewer may know of. ``of_forum``: those of its teams now."""

    forums: list[Forum]
    reviews: dict[int, list[Held]]
    leaders: dict[int, frozenset[int]]
    known: set[str]
    of_forum: dict[int, set[str]]

    def key_results(self, forum: int) -> set[str]:
        """All that a forum reviews now or has reviewed, as far as the viewer may know."""
        told = {entry["id"] for each in self.reviews.get(forum, ()) for entry in each.entries or ()}
        return (told | self.of_forum.get(forum, set())) & self.known


def forums_for(session: Session, viewer: Viewer) -> list[Forum]:
    """The forums whose reports somebody sees: all for leads, champions and admins; else those that they sponsor, call or lead."""
    query = select(Forum).where(Forum.retired_at.is_(None)).order_by(Forum.name, Forum.id)
    if not sees_all(viewer):
        person = viewer.person_id
        mine: ColumnElement[bool] = false()
        if person is not None:
            leads = select(ForumMember.forum_id).where(ForumMember.person_id == person, ForumMember.leader.is_(True))
            teams = select(Team.forum_id).where(Team.lead_id == person, Team.retired_at.is_(None), Team.forum_id.is_not(None))
            mine = or_(Forum.sponsor_id == person, Forum.caller_id == person, Forum.id.in_(leads), Forum.id.in_(teams))
        query = query.where(mine)
    return list(session.scalars(query))


def sees_all(viewer: Viewer) -> bool:
    """Whether the role alone shows the reports of every forum."""
    return viewer.may(Act.WRITE) or viewer.may(Act.SIGN_OFF)


def load(session: Session, viewer: Viewer, forums: Sequence[Forum], now: datetime, weeks: int) -> Loaded:
    """Everything that was stored of the reviews of the last ``weeks`` weeks."""
    ids = [each.id for each in forums]
    begun = now - timedelta(weeks=min(weeks, MOST_WEEKS))
    reviews: dict[int, list[Held]] = defaultdict(list)
    by_id: dict[int, Held] = {}
    for part in batches(ids):
        query = select(Review).where(Review.forum_id.in_(part), Review.starts_at >= begun)
        begun_ones = or_(Review.starts_at <= now, Review.state.in_((OPEN, CLOSED, SKIPPED)))
        for row in session.scalars(query.where(begun_ones).order_by(Review.starts_at, Review.id)):
            by_id[row.id] = Held(row)
            reviews[row.forum_id].append(by_id[row.id])
    of_forum = _of_forums(session, ids)
    _pre_reads(session, by_id)
    told = {entry["id"] for each in by_id.values() for entry in each.entries or ()}
    known = known_of(session, viewer, told.union(*of_forum.values()))
    for each in by_id.values():
        if each.entries is not None:
            each.entries = [entry for entry in each.entries if entry["id"] in known]
    _items(session, by_id)
    _entries_made(session, by_id, now)
    return Loaded(list(forums), dict(reviews), _leaders(session, forums), known, of_forum)


def _of_forums(session: Session, forums: Collection[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for part in batches(forums):
        query = (
            select(Team.forum_id, KeyResult.id)
            .join(Objective, Objective.team_id == Team.id)
            .join(KeyResult, KeyResult.objective_id == Objective.id)
            .where(Team.forum_id.in_(part), KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
        )
        for forum, name in session.execute(query):
            found[forum or 0].add(name)
    return found


def _pre_reads(session: Session, reviews: dict[int, Held]) -> None:
    by_pre_read: dict[int, Held] = {}
    for part in batches(reviews):
        query = select(PreRead.id, PreRead.key, PreRead.review_id, PreRead.content).where(PreRead.review_id.in_(part))
        for ident, key, review, content in session.execute(query):
            held = reviews[review]
            held.pre_read, held.key, held.entries = ident, key, list((content or {}).get("entries") or ())
            by_pre_read[ident] = held
    for part in batches(by_pre_read):
        rows = select(PreReadReading.pre_read_id, PreReadReading.person_id, PreReadReading.at)
        for ident, person, at in session.execute(rows.where(PreReadReading.pre_read_id.in_(part))):
            by_pre_read[ident].opened_by[person] = at


def _items(session: Session, reviews: dict[int, Held]) -> None:
    for part in batches(reviews):
        for row in session.scalars(select(ReviewItem).where(ReviewItem.review_id.in_(part))):
            reviews[row.review_id].items[row.key_result_id] = row


def _entries_made(session: Session, reviews: dict[int, Held], now: datetime) -> None:
    """Updates that came after a lock, and entries made during a meeting."""
    of: dict[str, list[Held]] = defaultdict(list)
    for each in reviews.values():
        for entry in each.entries or ():
            of[entry["id"]].append(each)
    if not of:
        return
    first = min(each.row.lock_at for each in reviews.values())
    for names in batches(sorted(of)):
        filed = select(CheckIn.key_result_id, CheckIn.created_at, CheckIn.late).where(
            CheckIn.key_result_id.in_(names), CheckIn.created_at >= first, CheckIn.draft.is_(False)
        )
        for name, at, late in session.execute(filed):
            for each in of[name]:
                if late and each.row.lock_at <= at <= (each.row.closed_at or each.row.starts_at + KEPT_OPEN):
                    each.late.add(name)
                each.edits += _during(each.row, at, now)
        amended = select(Audit.entity_id, Audit.at).where(
            Audit.entity == "key_result", Audit.action == "amend", Audit.entity_id.in_(names), Audit.at >= first
        )
        for name, at in session.execute(amended):
            for each in of[name]:
                each.edits += _during(each.row, at, now)


def _during(row: Review, at: datetime, now: datetime) -> bool:
    return row.opened_at is not None and row.opened_at <= at <= (row.closed_at or min(now, row.starts_at + KEPT_OPEN))


def _leaders(session: Session, forums: Sequence[Forum]) -> dict[int, frozenset[int]]:
    """The active leaders of each forum; who can call decisions is one of them."""
    found: dict[int, set[int]] = {each.id: set() for each in forums}
    for part in batches(found):
        query = select(ForumMember.forum_id, ForumMember.person_id).where(ForumMember.forum_id.in_(part), ForumMember.leader.is_(True))
        for forum, person in session.execute(query):
            found[forum].add(person)
    for each in forums:
        if each.caller_id is not None:
            found[each.id].add(each.caller_id)
    active: set[int] = set()
    for part in batches(sorted(set().union(*found.values()))):
        active |= set(session.scalars(select(Person.id).where(Person.id.in_(part), Person.active.is_(True))))
    return {forum: frozenset(people & active) for forum, people in found.items()}
