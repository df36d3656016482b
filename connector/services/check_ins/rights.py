"""Who may update a key result: one rule for every source (page, panel, API, command in a comment).

Admins and leads update any key result that they can see. Others update what they own, and the key results of a team that they belong
to or lead. Champions and viewers update none (R105). Whoever speaks for nobody in particular, a script's token, has the right of its role.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Forbidden, NotFound
from connector.store.tables import KeyResult, Objective, Person, Team, TeamMember
from connector.store.visibility import visible


def may_check_in(session: Session, viewer: Viewer, key_result_id: str) -> bool:
    """Whether the viewer may file an update of this key result; False for one that they may not know of."""
    return bool(updatable(session, viewer, [key_result_id]))


def updatable(session: Session, viewer: Viewer, key_result_ids: Collection[str]) -> set[str]:
    """Those of the key results that the viewer may update: one statement for a whole list."""
    if not viewer.may(Act.CHECK_IN) or not key_result_ids:
        return set()
    return set(
        session.scalars(
            select(KeyResult.id)
            .join(Objective, Objective.id == KeyResult.objective_id)
            .where(
                KeyResult.id.in_(key_result_ids),
                KeyResult.retired_at.is_(None),
                Objective.retired_at.is_(None),
                visible(viewer),
                _theirs(viewer),
            )
        )
    )


def require_check_in(session: Session, viewer: Viewer, key_result_id: str) -> None:
    """Raises ``NotFound`` for a key result that the viewer may not know of, ``Forbidden`` when they may read but not update it."""
    if may_check_in(session, viewer, key_result_id):
        return
    found = session.execute(
        select(KeyResult.id, Person.name)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.id == key_result_id, KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no key result {key_result_id!r}")
    raise Forbidden(why_not(viewer, found.name or ""))


def why_not(viewer: Viewer, owner: str) -> str:
    """Why somebody who may read a key result does not update it, and who does."""
    whom = f"ask {owner}, who owns this one" if owner else "this one has no owner yet, so ask a lead"
    if viewer.role == "champion":
        return f"champions judge the wording and leave values to the owners; {whom}"
    if not viewer.may(Act.CHECK_IN):
        return f"your role reads key results; {whom}"
    return f"owners, their teams and leads update key results; {whom}"


def _theirs(viewer: Viewer) -> ColumnElement[bool]:
    """A condition over ``KeyResult`` joined with its ``Objective``: one that this viewer updates, where the role allows it at all."""
    person = viewer.person_id
    if viewer.may(Act.WRITE) or person is None:
        return true()
    return or_(
        KeyResult.owner_id == person,
        select(Team.id).where(Team.id == Objective.team_id, Team.lead_id == person).exists(),
        select(TeamMember.person_id).where(TeamMember.team_id == Objective.team_id, TeamMember.person_id == person).exists(),
    )
