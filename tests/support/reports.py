"""What tests of reports ask of a forum that has met."""

from __future__ import annotations

from sqlalchemy import select

from connector.domain.rights import Viewer
from connector.store.tables import ReviewItem
from tests.support.frozen import Meeting


def talked(acme: Meeting) -> list[ReviewItem]:
    """The items of its review that are talked about."""
    with acme.runtime.store.read() as session:
        query = select(ReviewItem).where(ReviewItem.review_id == acme.review, ReviewItem.folded.is_(False))
        return list(session.scalars(query.order_by(ReviewItem.position)))


def viewer(acme: Meeting, name: str, role: str = "member") -> Viewer:
    """Somebody of the forum."""
    email = f"{name.lower()}@acme.example"
    return Viewer(email, role, acme.people[name], email, name)
