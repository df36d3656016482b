"""Who has which seat in a forum: who holds its reviews, who leads, who hears what stays unanswered."""

from __future__ import annotations

from sqlalchemy import exists, or_, select, union
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Forbidden
from connector.store.tables import Forum, ForumMember, Person, Team


def may_hold(session: Session, viewer: Viewer, forum_id: int) -> bool:
    """Whether the viewer may open, skip and close reviews of a forum and give verdicts there.

    The person who can call decisions, the forum's leaders, the leads of its teams; leads and admins of the installation.
    """
    if viewer.may(Act.WRITE):
        return True
    if viewer.person_id is None:
        return False
    seat = select(
        or_(
            exists().where(Forum.id == forum_id, Forum.caller_id == viewer.person_id, Forum.retired_at.is_(None)),
            exists().where(Team.forum_id == forum_id, Team.lead_id == viewer.person_id, Team.retired_at.is_(None)),
            exists().where(ForumMember.forum_id == forum_id, ForumMember.person_id == viewer.person_id, ForumMember.leader.is_(True)),
        )
    )
    return bool(session.scalar(seat))


def held_forums(session: Session, viewer: Viewer) -> set[int]:
    """The forums whose reviews the viewer may hold, see ``may_hold``."""
    if viewer.may(Act.WRITE):
        return set(session.scalars(select(Forum.id).where(Forum.retired_at.is_(None))))
    if viewer.person_id is None:
        return set()
    calls = select(Forum.id).where(Forum.caller_id == viewer.person_id, Forum.retired_at.is_(None))
    leads = select(Team.forum_id).where(Team.lead_id == viewer.person_id, Team.retired_at.is_(None), Team.forum_id.is_not(None))
    sits = select(ForumMember.forum_id).where(ForumMember.person_id == viewer.person_id, ForumMember.leader.is_(True))
    return {ident for ident in session.scalars(union(calls, leads, sits)) if ident is not None}


def require_holder(session: Session, viewer: Viewer, forum_id: int) -> None:
    """Raises ``Forbidden`` for somebody who may not hold the reviews of a forum."""
    if not may_hold(session, viewer, forum_id):
        raise Forbidden("reviews are held by the forum's leaders, by who can call decisions there, by leads of its teams, and by admins")


def is_leader(session: Session, viewer: Viewer, forum_id: int) -> bool:
    """Whether the viewer is one of the forum's leaders, whose reading is recorded and who may mark "call needed"."""
    return viewer.person_id is not None and viewer.person_id in {each.id for each in leaders_of(session, forum_id)}


def leaders_of(session: Session, forum_id: int) -> list[Person]:
    """The active leaders of a forum by name; who can call decisions is one of them, named so or not."""
    caller = select(Forum.caller_id).where(Forum.id == forum_id)
    named = select(ForumMember.person_id).where(ForumMember.forum_id == forum_id, ForumMember.leader.is_(True))
    query = select(Person).where(or_(Person.id.in_(named), Person.id.in_(caller)), Person.active.is_(True))
    return list(session.scalars(query.order_by(Person.name, Person.id)))
