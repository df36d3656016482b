"""What the forms of objectives and key results offer to choose from. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.store.tables import Connection, Cycle, Objective, Person, Team
from connector.store.visibility import visible

MOST = 300  # entries of a list; what is not in a list of people can be typed

Choices = list[tuple[str, str]]


def people(session: Session) -> Choices:
    """(e-mail address, name) of active people."""
    query = select(Person.email, Person.name).where(Person.active.is_(True)).order_by(Person.name, Person.email).limit(MOST)
    return [(email, name) for email, name in session.execute(query)]


def cycles(session: Session) -> Choices:
    """(name, name with its days), the latest first."""
    query = select(Cycle).where(Cycle.retired_at.is_(None)).order_by(Cycle.end.desc(), Cycle.name)
    return [
        (row.name, f"{row.name}, {row.start:%Y-%m-%d} to {row.end:%Y-%m-%d}{'' if row.started_at else ', not started'}")
        for row in session.scalars(query)
    ]


def objectives(session: Session, viewer: Viewer, *, without: str = "", also: Sequence[str] = ()) -> Choices:
    """(id, title with its cycle) of open objectives that the viewer sees, the latest cycle first; ``also`` are listed whatever they are."""
    rows = session.execute(
        select(Objective.id, Objective.title, Cycle.name)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(Objective.retired_at.is_(None), Objective.closed_at.is_(None), Objective.id != without, visible(viewer))
        .order_by(Cycle.end.desc(), Objective.position, Objective.id)
        .limit(MOST)
    ).all()
    found = [(row.id, f"{row.title} ({row.name})") for row in rows]
    known = {ident for ident, _ in found}
    return [*((ident, ident) for ident in also if ident and ident not in known), *found]


def teams_and_workspaces(session: Session) -> tuple[Choices, Choices]:
    """(name, name) of the teams, and of the connections whose pages can show a panel."""
    teams = select(literal(0).label("part"), Team.name.label("name")).where(Team.retired_at.is_(None))
    workspaces = select(literal(1), Connection.name).where(Connection.retired_at.is_(None), Connection.host == "notion")
    found: tuple[Choices, Choices] = ([], [])
    for row in sorted(session.execute(union_all(teams, workspaces)), key=lambda each: str(each.name)):
        found[row.part].append((row.name, row.name))
    return found
