"""Which objectives a viewer may know of, as one condition for every statement that reads them: pages, API, exports, counts.

A restricted objective is known to admins, its readers, its team's lead and members, and the owners of its key results. A draft is
known to those who write or judge wording, and to the same people. Nothing of either is ever shown in a host.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.orm import Session, aliased

from connector.domain.rights import Viewer
from connector.store.batches import batches
from connector.store.tables import Cycle, KeyResult, Objective, ObjectiveReader, Team, TeamMember

READY, DRAFT = "ready", "draft"


def visible(viewer: Viewer, objective: Any = Objective) -> ColumnElement[bool]:
    """A condition over ``Objective`` (or an alias of it): this viewer may know of the row. Says nothing about retired ones."""
    if viewer.sees_everything:
        return true()
    mine = _belongs_to(viewer, objective)
    unrestricted = objective.restricted.is_(False)
    ready = true() if viewer.sees_drafts else objective.stage == READY
    return or_(and_(unrestricted, ready), mine)


def _belongs_to(viewer: Viewer, objective: Any) -> ColumnElement[bool]:
    person = viewer.person_id
    if person is None:
        return false()
    owned, team, member, reader = _aliases()
    return or_(
        select(reader.person_id).where(reader.objective_id == objective.id, reader.person_id == person).exists(),
        select(team.id).where(team.id == objective.team_id, team.lead_id == person).exists(),
        select(member.person_id).where(member.team_id == objective.team_id, member.person_id == person).exists(),
        select(owned.id).where(owned.objective_id == objective.id, owned.owner_id == person, owned.retired_at.is_(None)).exists(),
    )


@cache
def _aliases() -> tuple[Any, ...]:
    """Of the tables asked: the statement around may read the same, and must not be taken for them. Made once, because that is slow."""
    return aliased(KeyResult), aliased(Team), aliased(TeamMember), aliased(ObjectiveReader)


def visible_in_hosts(viewer: Viewer, objective: Any = Objective, cycle: Any = Cycle) -> ColumnElement[bool]:
    """``visible`` inside a host, over ``Objective`` joined with its ``Cycle``: what is ahead of its cycle's start is like a draft."""
    if viewer.sees_everything:
        return true()
    ahead = true() if viewer.sees_drafts else _belongs_to(viewer, objective)
    return and_(visible(viewer, objective), or_(cycle.started_at.is_not(None), ahead))


def public(objective: Any = Objective, cycle: Any = Cycle) -> ColumnElement[bool]:
    """A condition over ``Objective`` joined with its ``Cycle``: hosts may show it, where we cannot tell who reads."""
    return and_(objective.restricted.is_(False), objective.stage == READY, cycle.started_at.is_not(None))


def sees_key_result(session: Session, viewer: Viewer, key_result_id: str) -> bool:
    """Whether the viewer may know of this key result; False for one that does not exist or is retired."""
    return _is_there(session, key_result_id, visible(viewer))


def sees_key_result_in_hosts(session: Session, viewer: Viewer, key_result_id: str) -> bool:
    """``sees_key_result``, inside a host."""
    return _is_there(session, key_result_id, visible_in_hosts(viewer))


def key_result_is_public(session: Session, key_result_id: str) -> bool:
    """Whether hosts may show this key result to anybody; False for one that does not exist or is retired."""
    return _is_there(session, key_result_id, public())


def _is_there(session: Session, key_result_id: str, condition: ColumnElement[bool]) -> bool:
    query = _key_results(condition).where(KeyResult.id == key_result_id, KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
    return session.scalar(query) is not None


def those_of(session: Session, key_results: Iterable[str], condition: ColumnElement[bool]) -> set[str]:
    """Those of some key results, retired ones too, that meet ``visible``, ``visible_in_hosts`` or ``public``.

    A statement for five hundred of them, none for none.
    """
    found: set[str] = set()
    for part in batches(key_results):
        found.update(session.scalars(_key_results(condition).where(KeyResult.id.in_(part))))
    return found


def _key_results(condition: ColumnElement[bool]) -> Select[str]:
    return (
        select(KeyResult.id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(condition)
    )


def objective_is_public(session: Session, objective_id: str) -> bool:
    """Whether hosts may show this objective, a retired one too: of one that they may not, not even its name is told there."""
    query = select(Objective.id).join(Cycle, Cycle.id == Objective.cycle_id).where(Objective.id == objective_id, public())
    return session.scalar(query) is not None


def sees_objective(session: Session, viewer: Viewer, objective_id: str) -> bool:
    """Whether the viewer may know of this objective; False for one that does not exist or is retired."""
    query = select(Objective.id).where(Objective.id == objective_id, Objective.retired_at.is_(None), visible(viewer))
    return session.scalar(query) is not None
