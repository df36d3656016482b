"""Who holds the reviews of a forum: its caller and leaders, the leads of its teams, and whoever may write objectives."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Forbidden, NotFound
from connector.store.tables import Forum, ForumMember, KeyResult, Objective, Review, ReviewItem, Team
from connector.store.visibility import visible


def may_hold(session: Session, viewer: Viewer, forum_id: int) -> bool:
    """Whether the viewer opens, decides in and closes reviews of this forum."""
    if viewer.may(Act.WRITE):
        return True
    if viewer.person_id is None:
        return False
    person = viewer.person_id
    leads = select(ForumMember.person_id).where(
        ForumMember.forum_id == Forum.id, ForumMember.person_id == person, ForumMember.leader.is_(True)
    )
    heads = select(Team.id).where(Team.forum_id == Forum.id, Team.lead_id == person, Team.retired_at.is_(None))
    query = select(Forum.id).where(Forum.id == forum_id, or_(Forum.caller_id == person, leads.exists(), heads.exists()))
    return session.scalar(query) is not None


def require_hold(session: Session, viewer: Viewer, forum_id: int) -> None:
    """Raises ``Forbidden`` for whoever may only read."""
    if not may_hold(session, viewer, forum_id):
        raise Forbidden("reviews are held by the forum's leaders, the person who calls decisions there, its teams' leads, leads and admins")


def find_review(session: Session, review_id: int, *, lock: bool = False) -> Review:
    """The review; ``lock``: nobody else changes it until the transaction ends. Raises ``NotFound``."""
    query = select(Review).where(Review.id == review_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"there is no review {review_id}")
    return row


def known_items(session: Session, viewer: Viewer, review_id: int) -> set[str]:
    """The key results on the agenda that the viewer may know of."""
    query = (
        select(ReviewItem.key_result_id)
        .join(KeyResult, KeyResult.id == ReviewItem.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .where(ReviewItem.review_id == review_id, visible(viewer))
    )
    return set(session.scalars(query))


def known_of(session: Session, viewer: Viewer, key_results: Collection[str]) -> set[str]:
    """Those of some key results that the viewer may know of, retired ones too."""
    if not key_results:
        return set()
    query = select(KeyResult.id).join(Objective, Objective.id == KeyResult.objective_id)
    return set(session.scalars(query.where(KeyResult.id.in_(key_results), visible(viewer))))
