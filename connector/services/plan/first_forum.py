"""One team alone needs no hierarchy (R115): where there is no forum yet, one is offered with defaults that can be used as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.plan import forums, teams
from connector.services.plan.groups import LONGEST_NAME
from connector.services.plan.saving import Saved
from connector.store.tables import Forum, Person, Team

WEEKDAY, TIME = "thursday", "10:00"


@dataclass(frozen=True, slots=True)
class Offer:
    """A forum that could be made: its name, the team that it reviews ("" while there is none), who would call decisions."""

    name: str
    team: str
    caller: str
    caller_name: str
    meets: str = f"{WEEKDAY.capitalize()} {TIME}, weekly; updates count until 16:00 the working day before"


def offered(session: Session, viewer: Viewer) -> Offer | None:
    """What is offered to whoever may make forums: only where there is none, and at most one team."""
    if not viewer.may(Act.WRITE) or session.scalar(select(Forum.id).where(Forum.retired_at.is_(None)).limit(1)) is not None:
        return None
    found = session.scalars(select(Team).where(Team.retired_at.is_(None)).order_by(Team.id).limit(2)).all()
    if len(found) > 1:
        return None
    team = found[0] if found else None
    caller = _caller(session, viewer, team)
    if caller is None:
        return None
    name = f"{team.name} review" if team is not None and len(team.name) + 7 <= LONGEST_NAME else "Review"
    return Offer(name, team.name if team is not None else "", caller.email, caller.name)


def take(runtime: Runtime, viewer: Viewer) -> Saved:
    """Make the forum that is offered, and have it review the team. Raises ``Conflict`` when none is offered any more, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        offer = offered(session, viewer)
    if offer is None:
        raise Conflict("there is a forum already, or several teams: make the forum that you want under teams and forums")
    given: dict[str, Any] = {"name": offer.name, "caller": offer.caller, "leaders": [offer.caller], "weekday": WEEKDAY, "time": TIME}
    try:
        saved = forums.create(runtime, viewer, given)
    except InputError as error:  # somebody else took the offer at the same moment
        raise Conflict(f"the forum was not made: {error.message}") from error
    if offer.team:
        teams.update(runtime, viewer, offer.team, {"forum": saved.id})
    return saved


def _caller(session: Session, viewer: Viewer, team: Team | None) -> Person | None:
    """The team's lead, else who asks, else the first admin."""
    for ident in (team.lead_id if team is not None else None, viewer.person_id):
        person = session.get(Person, ident) if ident is not None else None
        if person is not None and person.active:
            return person
    admins = select(Person).where(Person.role == "admin", Person.active.is_(True)).order_by(Person.id)
    return session.scalars(admins.limit(1)).first()
