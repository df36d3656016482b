"""What a viewer may know of in reviews. Who may hold them is said by ``rhythm.seats``."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import InputError, NotFound
from connector.store.tables import KeyResult, Objective, Person, Review, ReviewItem
from connector.store.visibility import public, sees_key_result, those_of, visible

_UNSEEN = "{} may not see {}; choose somebody who may, or an admin makes them a reader"


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
    return those_of(session, key_results, visible(viewer))


def public_of(session: Session, key_results: Collection[str]) -> set[str]:
    """Those of some key results that hosts and rooms may show now."""
    return those_of(session, key_results, public())


def is_retired(session: Session, key_result_id: str) -> bool:
    """Whether a key result, or its objective, was retired."""
    query = select(KeyResult.id).join(Objective, Objective.id == KeyResult.objective_id)
    gone = or_(KeyResult.retired_at.is_not(None), Objective.retired_at.is_not(None))
    return session.scalar(query.where(KeyResult.id == key_result_id, gone)) is not None


def active_person(session: Session, email: str, where: str, key_result_id: str | None = None) -> Person:
    """Somebody who is here, and may know of the key result. Raises ``InputError`` at the field."""
    if not email.strip():
        raise InputError("choose a person", where=where)
    row = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.active.is_(True)))
    if row is None:
        raise InputError(f"there is no active person with the e-mail address {email.strip()}; choose one of the list", where=where)
    if key_result_id is not None and not sees_key_result(session, Viewer(row.email, row.role, row.id), key_result_id):
        raise InputError(_UNSEEN.format(row.name, "this key result"), where=where)
    return row


def require_knowing(session: Session, person: Person, key_results: Collection[str], where: str) -> None:
    """One statement for all: the person may know of each of these key results. Raises ``InputError`` at the field."""
    missing = len(set(key_results) - known_of(session, Viewer(person.email, person.role, person.id), key_results))
    if missing:
        what = "this key result" if len(key_results) == 1 else f"{missing} of these key results"
        raise InputError(_UNSEEN.format(person.name, what), where=where)
