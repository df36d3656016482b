"""What a review shows one viewer: its items with what the pre-read said of them, what was decided, what is missing. Reads only.

The number of statements does not depend on the number of items.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.pre_read import Snapshot, frozen_words, read
from connector.domain.rights import Viewer
from connector.services import decision_links
from connector.services.decision_links import Offer
from connector.services.decisions import DROPPED
from connector.services.locks import CLOSED, LOCKED, OPEN, PLANNED, SKIPPED
from connector.services.reviews.closing import Missing, missing_of
from connector.services.reviews.deciding import item_view
from connector.services.reviews.minutes import Minutes, read_minutes
from connector.services.reviews.rights import find_review, known_items, known_of
from connector.services.rhythm import locking
from connector.services.rhythm.marks import load_marks
from connector.services.rhythm.planning import zone_of
from connector.services.rhythm.seats import may_hold
from connector.store.reads.people import names_of
from connector.store.tables import Decision, Forum, KeyResult, Objective, Review, ReviewItem
from connector.store.visibility import visible

LISTED = 60  # reviews that a list shows behind and ahead


@dataclass(frozen=True, slots=True)
class Held:
    """A review for one viewer. ``items``: what they may know of; ``current``: the item that is talked about."""

    review: Review
    forum: Forum
    zone: tzinfo
    caller: str
    may_hold: bool
    pre_read: str
    frozen: str
    leaders: int
    readers: int
    items: tuple[ReviewItem, ...]
    decisions: dict[str, Decision]
    names: dict[int, str]
    current: ReviewItem | None
    missing: Missing
    offers: dict[str, list[Offer]]
    early: int

    @property
    def reached(self) -> list[ReviewItem]:
        """The items that the time reaches, in their order."""
        return [each for each in self.items if not each.folded and each.fits]

    @property
    def unreached(self) -> list[ReviewItem]:
        """The items that it does not."""
        return [each for each in self.items if not each.folded and not each.fits]

    @property
    def folded(self) -> list[ReviewItem]:
        """The items that are not talked about."""
        return [each for each in self.items if each.folded]


def load_held(session: Session, viewer: Viewer, review_id: int, default_zone: tzinfo) -> Held:
    """A review with everything that its page shows. Raises ``NotFound``."""
    review = find_review(session, review_id)
    forum = session.get_one(Forum, review.forum_id)
    pre_read = locking.pre_read_of(session, review.id)
    snapshot: Snapshot | None = read(pre_read.content) if pre_read else None
    marks = load_marks(session, pre_read.id, forum) if pre_read else None
    known = known_items(session, viewer, review.id)
    rows = session.scalars(select(ReviewItem).where(ReviewItem.review_id == review.id).order_by(ReviewItem.position))
    items = tuple(each for each in rows if each.key_result_id in known)
    decided = session.scalars(select(Decision).where(Decision.review_id == review.id).order_by(Decision.id.desc()))
    decisions = {each.key_result_id: each for each in decided if each.key_result_id in known}
    people = {row.owner_id for row in decisions.values()} | {each.handed_to_id for each in items} | {each.verdict_by_id for each in items}
    people |= {forum.caller_id, review.closed_by_id, review.opened_by_id}
    names = names_of(session, people)
    holds = may_hold(session, viewer, forum.id)
    current = next((each for each in items if each.opened_at is not None), None)
    offered = [current.key_result_id] if current is not None and holds and review.state == OPEN else []
    return Held(
        review,
        forum,
        zone_of(forum, default_zone),
        names.get(forum.caller_id or 0, ""),
        holds,
        pre_read.key if pre_read else "",
        frozen_words(snapshot) if snapshot else "",
        len(marks.leaders) if marks else 0,
        len(marks.read_by) if marks else 0,
        items,
        decisions,
        names,
        current,
        missing_of(items),
        decision_links.offers(session, offered),
        sum(bool(each.snapshot.get("early")) for each in items),
    )


def load_item_view(session: Session, held: Held, item: ReviewItem) -> dict[str, Any]:
    """An item as its form shows it; its version is made from it."""
    return item_view(session, held.review, item)


def load_minutes(session: Session, viewer: Viewer, review: Review) -> Minutes | None:
    """The minutes of a closed review, for one viewer."""
    stored = review.minutes or {}
    named = {each["key_result"] for part in ("items", "handed", "folded") for each in stored.get(part) or ()}
    return read_minutes(stored, known_of(session, viewer, named))


@dataclass(frozen=True, slots=True)
class Listed:
    """A review in a list. ``decisions``: how many came from it, as far as the viewer may know of them."""

    review: Review
    forum: Forum
    zone: tzinfo
    caller: str
    decisions: int = 0


def load_list(
    session: Session, viewer: Viewer, now: datetime, default_zone: tzinfo, forum_id: int | None = None
) -> tuple[list[Listed], list[Listed], list[Forum]]:
    """(what is ahead · what is behind, latest first · all forums): five statements.

    Ahead: all of one forum, or of each forum what it skips and the next one that it holds.
    """
    forums = {row.id: row for row in session.scalars(select(Forum).where(Forum.retired_at.is_(None)).order_by(Forum.name))}
    wanted = [forum_id] if forum_id in forums else list(forums)
    ahead_query = select(Review).where(
        Review.forum_id.in_(wanted),
        Review.state.in_((PLANNED, LOCKED, OPEN, SKIPPED)),
        (Review.starts_at > now - timedelta(hours=24)) | (Review.state == OPEN),
    )
    ahead = list(session.scalars(ahead_query.order_by(Review.starts_at, Review.id).limit(1000)))
    if forum_id not in forums:
        first: dict[int, Review] = {}
        for row in ahead:
            if row.state != SKIPPED:
                first.setdefault(row.forum_id, row)
        skipped = [row for row in ahead if row.state == SKIPPED and row.starts_at > now]
        ahead = sorted([*first.values(), *skipped], key=lambda row: (row.state != OPEN, row.starts_at, row.id))
    behind_query = select(Review).where(
        Review.forum_id.in_(wanted), (Review.state == CLOSED) | ((Review.starts_at <= now - timedelta(hours=24)) & (Review.state != OPEN))
    )
    behind = list(session.scalars(behind_query.order_by(Review.starts_at.desc(), Review.id).limit(LISTED)))
    counts = _counts(session, viewer, [row.id for row in behind])
    callers = names_of(session, (each.caller_id for each in forums.values()))

    def listed(row: Review) -> Listed:
        forum = forums[row.forum_id]
        return Listed(
            row,
            forum,
            zone_of(forum, default_zone),
            callers.get(forum.caller_id or 0, ""),
            counts.get(row.id, 0),
        )

    return [listed(row) for row in ahead[:LISTED]], [listed(row) for row in behind], list(forums.values())


def _counts(session: Session, viewer: Viewer, reviews: list[int]) -> dict[int, int]:
    query = (
        select(Decision.review_id, func.count())
        .join(KeyResult, KeyResult.id == Decision.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .where(Decision.review_id.in_(reviews), Decision.state != DROPPED, visible(viewer))
        .group_by(Decision.review_id)
    )
    return {int(ident): count for ident, count in session.execute(query) if ident is not None}
